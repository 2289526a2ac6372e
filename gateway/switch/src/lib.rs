//! The embedded PBX: registrar, calls, services.
//!
//! ```text
//! flows ⇄ Switch (tasks, channels, clock) ⇄ Exchange (sans-IO) ─┬─ UserAgent   SIP
//!                       ⇅                                       ├─ Registrar   who is where
//!                   Services                                    ├─ DialPlan    what numbers mean
//!                                                               └─ Call        legs of one call
//! ```
//!
//! The switch is a back-to-back user agent for one office: an INVITE is a session with the caller
//! and one more with each phone that rings. Session descriptions pass through untouched, so the
//! media of two browsers goes directly. Everything is keyed by tenant.
//!
//! # Who may do what
//!
//! - REGISTER always needs a digest, and it must be that of the extension in To: else 401 or 403.
//! - INVITE is accepted at once over a flow on which the very extension in From is registered,
//!   since that flow has shown its digest. A flow that is registered as somebody else is answered
//!   403, any other 407.
//! - The called see the caller as the switch knows it; display names that callers claim are
//!   dropped.
//! - OPTIONS is answered to everybody, and so is every refusal.

mod call;
mod config;
mod dial_plan;
mod directory;
mod exchange;
mod random;
mod registrar;
mod sdp;
mod service;
mod switch;

pub use config::SwitchConfig;
pub use directory::{AddressOfRecord, Directory, Extension, Tenant, TenantId};
pub use exchange::Snapshot;
pub use registrar::RegistrarLimits;
pub use service::{MediaService, Service, ServiceCall};
pub use switch::Switch;
