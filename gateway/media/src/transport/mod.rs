//! From UDP datagrams to authentic RTP and back: ICE-lite, DTLS, SRTP.

pub(crate) mod browser;
pub(crate) mod candidates;
pub(crate) mod demux;
pub(crate) mod dtls;
pub(crate) mod ice;
pub(crate) mod srtp;
