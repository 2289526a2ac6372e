//! What the gateway remembers.
