//! Two agents and what happens between them: exact messages, exact events and nothing left over.

mod calls;
mod cancelling;
mod forks;
mod harness;
mod loss;
