//! Plain structs and rules, without a browser.

mod backoff;
mod blocked;
mod call;
mod calls;
mod dial;
mod ending;
mod handshake;
mod light;
mod line;
mod services;
mod tone;

pub use backoff::*;
pub use blocked::*;
pub use call::*;
pub use calls::*;
pub use dial::*;
pub use ending::*;
pub use handshake::*;
pub use light::*;
pub use line::*;
pub use services::*;
pub use tone::*;
