//! Flows over real sockets.

mod support;

mod handshake;
mod messages;
mod silence;
mod the_end;
