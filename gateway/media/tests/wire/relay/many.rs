//! Many calls.

use super::Call;
use crate::peer::media;

#[tokio::test]
#[ignore = "takes some minutes: --run-ignored all"]
async fn of_five_hundred_calls_in_a_row_none_is_silent() {
    let media = media().await;
    for n in 0..500_u32 {
        let mut call = match n % 2 {
            0 => Call::to_pbx(media.clone(), false).await,
            _ => Call::to_browser(media.clone()).await,
        };
        call.up(960 * n, b"do you hear me?").await;
        call.down(960 * n, b"I do").await;
    }
}
