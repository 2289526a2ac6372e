//! What browser and gateway exchange besides SIP.
