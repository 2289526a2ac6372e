//! A SIP user agent with no clock, no socket, no randomness and no async.
//!
//! # Contract
//!
//! Give [`UserAgent`] one input or command, then call [`UserAgent::poll_output`] until it answers
//! [`Output::Timeout`]; repeat. Inputs are bytes that arrived, a timer that fired, a transport
//! that came up or went down ([`Input`]); commands are methods such as [`UserAgent::invite`].
//! Outputs are bytes to send, events for the application and the moment at which the next timer
//! fires. A second input before the outputs are drained is answered by
//! [`ContractError::OutputPending`], never by a panic.
//!
//! # Layers
//!
//! `user_agent → session, subscription, registration, publication → endpoint → dialog →
//! transaction → message`, each importing only downwards.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;

pub mod auth;
mod dialog;
mod endpoint;
pub mod message;
pub mod messaging;
mod moment;
pub mod packages;
mod publication;
pub mod push;
mod registration;
mod schedule;
mod session;
mod subscription;
mod table;
mod text;
mod token;
pub mod transaction;
mod user_agent;

pub use endpoint::binding::Binding;
pub use endpoint::{config::*, event::*, facts::*};
pub use message::{Address, Headers, Message, Method, Request, Response, Status, Uri};
pub use moment::Moment;
pub use publication::{
    Compositor, PublicationEnd, PublicationEvent, PublicationId, PublicationRules, Publish,
    Published, Publishes,
};
pub use session::{CallState, RestoreError};
pub use subscription::{Package, Subscribe, SubscriptionEnd, SubscriptionEvent, SubscriptionId};
pub use text::Text;
pub use token::{SeededTokens, TokenSource};
pub use transaction::{FlowId, NoResponse, Timers};
pub use user_agent::*;
