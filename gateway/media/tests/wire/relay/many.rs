//! Many calls.

use sidetone_media::Media;
use tokio::task::{LocalSet, spawn_local};

use super::Call;
use crate::peer::media;

/// So many calls are set up at a time.
pub(super) const AT_ONCE: u32 = 10;

/// Sets up `count` calls, half of them in either direction, and speaks both ways in each.
pub(super) async fn calls(media: &Media, count: u32) {
    let line = |first: u32| {
        let media = media.clone();
        spawn_local(async move {
            for n in (first..count).step_by(AT_ONCE as usize) {
                // Lines of an even number have calls of both directions too.
                let mut call = match (n / AT_ONCE + n) % 2 {
                    0 => Call::to_pbx(media.clone(), false).await,
                    _ => Call::to_browser(media.clone()).await,
                };
                call.up(960 * n, b"do you hear me?").await;
                call.down(960 * n, b"I do").await;
            }
        })
    };
    let all = async {
        let lines: Vec<_> = (0..AT_ONCE).map(line).collect();
        for line in lines {
            line.await.unwrap();
        }
    };
    LocalSet::new().run_until(all).await;
}

#[tokio::test]
async fn of_five_hundred_calls_none_is_silent() {
    calls(&media().await, 500).await;
}
