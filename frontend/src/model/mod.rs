//! Plain structs and rules, without a browser.

mod backoff;
mod call;
mod calls;
mod certificates;
mod dial;
mod ending;
mod light;
mod line;
mod services;
mod tone;

pub use backoff::*;
pub use call::*;
pub use calls::*;
pub use certificates::*;
pub use dial::*;
pub use ending::*;
pub use light::*;
pub use line::*;
pub use services::*;
pub use tone::*;
