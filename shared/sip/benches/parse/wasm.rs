//! Ours in WebAssembly, for Node: see `main.rs`.
#![cfg(target_arch = "wasm32")]

mod ours;

use wasm_bindgen::prelude::wasm_bindgen;

/// A message comes from a socket as a string and leaves as one.
#[wasm_bindgen]
pub fn through(message: &str) -> String {
    String::from_utf8(ours::ours(message.as_bytes())).unwrap_or_default()
}
