//! Two agents and what happens between them: exact messages, exact events and nothing left over.

#![allow(clippy::unwrap_used, reason = "tests")]

mod accounts;
mod calls;
mod cancelling;
mod challenges;
mod events;
mod facts;
mod flows;
mod for_calls;
mod forks;
mod given;
mod harness;
mod keepers;
mod kept;
mod loss;
mod memory;
mod messages;
mod offers;
mod outbound;
mod proxies;
mod publications;
mod push;
mod redirects;
mod registrar;
mod registration;
mod reliable;
mod reoffers;
mod replaces;
mod rfc3665;
mod ringing;
mod strangers;
mod timers;
mod transfers;
mod updates;
