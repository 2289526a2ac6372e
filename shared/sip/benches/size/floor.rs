//! What the app has without the parser, see `parser.rs`.
#![cfg(target_arch = "wasm32")]

mod anyway;

use wasm_bindgen::prelude::wasm_bindgen;

/// Takes a text and gives one.
#[wasm_bindgen]
pub fn through(message: &str) -> Vec<u8> {
    anyway::anyway(message).into_bytes()
}
