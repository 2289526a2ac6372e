//! Plain structs and rules, without a browser.

mod call;
mod line;

pub use call::*;
pub use line::*;
