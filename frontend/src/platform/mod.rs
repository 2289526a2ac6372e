//! What a browser offers besides calls.

pub mod alarm;
pub mod install;
pub mod listener;
pub mod notifications;
pub mod storage;
pub mod tabs;
pub mod theme;
pub mod update;
pub mod vault;
