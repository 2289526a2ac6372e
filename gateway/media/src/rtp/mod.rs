//! RTP (RFC 3550): packets, reports, and key presses (RFC 4733).

pub(crate) mod dtmf;
pub(crate) mod packet;
pub(crate) mod report;
