use futures_util::StreamExt;
use sidetone_edge::Limits;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::support::{PATIENCE, Running, close_code, next_message};

#[tokio::test]
async fn a_client_that_closes_is_answered() {
    let mut running = Running::start(Limits::default()).await;
    let (mut client, mut flow) = running.connect().await;
    let code = CloseCode::Normal;
    let reason = "bye".into();
    client
        .close(Some(CloseFrame { code, reason }))
        .await
        .unwrap();
    match client.next().await.unwrap().unwrap() {
        Message::Close(Some(frame)) => assert_eq!(frame.code, CloseCode::Normal),
        other => panic!("not closed: {other:?}"),
    }
    flow.has_ended().await;
}

#[tokio::test]
async fn an_upstream_that_hangs_up_has_its_last_word() {
    let mut running = Running::start(Limits::default()).await;
    let (mut client, flow) = running.connect().await;
    flow.outbound.send(b"503".to_vec()).await.unwrap();
    drop(flow);
    assert_eq!(next_message(&mut client).await, Message::text("503"));
    assert_eq!(close_code(&mut client).await, CloseCode::Again);
}

#[tokio::test]
async fn shutdown_says_goodbye_and_lets_nobody_in() {
    let mut running = Running::start(Limits::default()).await;
    let (mut first, mut first_flow) = running.connect().await;
    let (mut second, second_flow) = running.connect().await;
    running.edge.drain();
    let (status, words) = running.refused(running.request()).await;
    assert_eq!(status, 503);
    assert!(words.contains("shutting down"), "{words}");
    // An upstream that ends now does so because the gateway ends.
    drop(second_flow);
    assert_eq!(close_code(&mut second).await, CloseCode::Away);
    let (code, ()) = tokio::join!(close_code(&mut first), running.edge.shutdown(PATIENCE));
    assert_eq!(code, CloseCode::Away);
    first_flow.has_ended().await;
    assert_eq!(running.edge.flows(), 0);
    running.no_other_flow();
}
