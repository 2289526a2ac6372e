//! The phone in a browser tab.
