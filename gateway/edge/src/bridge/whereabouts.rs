//! Keeps up with where DNS says that an upstream is.
//!
//! ```text
//!              DNS answers               answers no more: what it said last is still good
//!   Unasked ──────────────▶ Known ─────────────────────────────────────────────▶ Known
//!      │ no answer, or no address         ▲
//!      └──────────────▶ Nowhere ──────────┘ answers
//! ```
//!
//! It is a task of its own: a name server that doesn't answer takes its time, and the upstream is
//! watched meanwhile.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::locate::{Dns, Located, Unlocated, locate};
use super::pbx::Pbx;
use super::shared::Shared;

/// How soon DNS is asked again that did not answer, or says what has run out already.
const AGAIN: Duration = Duration::from_secs(5);
/// The same while nothing at all is known: somebody may wait for it.
const SOON: Duration = Duration::from_secs(1);

/// What is known of an upstream's places.
#[derive(Clone, Debug)]
pub(crate) enum Whereabouts {
    /// DNS has not answered yet.
    Unasked,
    /// Here.
    Known(Arc<Located>),
    /// It knows none, or can't be asked.
    Nowhere,
}

/// Asks DNS for ever, and tells what has changed.
pub(crate) async fn follow(pbx: Arc<Pbx>, shared: Arc<Shared>, told: watch::Sender<Whereabouts>) {
    let mut dns = Dns::new();
    let mut failed = false;
    loop {
        let next = match find(&dns, &pbx, &shared).await {
            Ok(located) => {
                let until = located.until;
                if std::mem::take(&mut failed) {
                    tracing::info!(upstream = pbx.config.name, "located again");
                }
                told.send_if_modified(|known| {
                    let is_new = match known {
                        Whereabouts::Known(known) => known.ranks != located.ranks,
                        Whereabouts::Unasked | Whereabouts::Nowhere => true,
                    };
                    if is_new {
                        *known = Whereabouts::Known(Arc::new(located));
                    }
                    is_new
                });
                until
            }
            Err(error) => {
                dns.renew();
                // Said once: it may last.
                if !std::mem::replace(&mut failed, true) {
                    tracing::warn!(upstream = pbx.config.name, %error, "not located");
                }
                // What was known before is better than nothing.
                let known = matches!(*told.borrow(), Whereabouts::Known(_));
                if !known {
                    told.send_replace(Whereabouts::Nowhere);
                }
                Instant::now() + if known { AGAIN } else { SOON }
            }
        };
        sleep_until(next).await;
    }
}

/// The places of an upstream that the gateway has a way to.
pub(crate) async fn find(dns: &Dns, pbx: &Pbx, shared: &Shared) -> Result<Located, Unlocated> {
    let target = pbx.config.next_hop();
    let located = locate(dns, target).await?;
    let reached = located.within_reach(|hop| shared.reaches(hop));
    reached.ok_or_else(|| {
        let host = &target.host;
        Unlocated(format!(
            "{host} is reached by IPv6 only, and `bridge.listen` is an IPv4 address; [::] is both"
        ))
    })
}
