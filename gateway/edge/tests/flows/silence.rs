use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use sidetone_edge::Limits;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Client, Running, assert_alive};

fn impatient() -> Limits {
    Limits {
        ping_interval: Duration::from_millis(20),
        pong_timeout: Duration::from_millis(200),
        send_timeout: Duration::from_millis(50),
        ..Limits::default()
    }
}

/// Reads, and by that answers, that many pings.
async fn answer_pings(client: &mut Client, count: usize) {
    let mut seen = 0;
    while seen < count {
        match client.next().await.unwrap().unwrap() {
            Message::Ping(_) => seen += 1,
            other => panic!("not a ping: {other:?}"),
        }
    }
    client.flush().await.unwrap();
}

#[tokio::test]
async fn who_answers_pings_stays_and_who_does_not_goes() {
    let mut running = Running::start(Limits {
        // Room for a lively client on a busy machine.
        pong_timeout: Duration::from_secs(2),
        ..impatient()
    })
    .await;
    let (_mute, mut mute_flow) = running.connect().await;
    let (mut lively, mut lively_flow) = running.connect().await;
    tokio::select! {
        () = mute_flow.has_ended() => {}
        () = answer_pings(&mut lively, usize::MAX) => unreachable!(),
    }
    assert!(lively_flow.inbound.try_recv().is_err());
    let lively = tokio::spawn(async move {
        lively.send(Message::text("still here")).await.unwrap();
        while lively.next().await.is_some() {}
    });
    let received = lively_flow.receive().await;
    assert_eq!(received.as_deref(), Some(&b"still here"[..]));
    drop(lively_flow);
    lively.await.unwrap();
}

#[tokio::test]
async fn who_does_not_read_is_closed_and_nobody_else_waits() {
    let mut running = Running::start(Limits {
        send_timeout: Duration::from_millis(50),
        ..Limits::default()
    })
    .await;
    let (mut good, mut good_flow) = running.connect().await;
    let (_slow, mut slow_flow) = running.connect().await;
    let slow = async {
        while slow_flow.outbound.send(vec![b'x'; 60_000]).await.is_ok() {}
        slow_flow.has_ended().await;
    };
    let good = async {
        for _ in 0..50 {
            assert_alive(&mut good, &mut good_flow).await;
        }
    };
    tokio::join!(slow, good);
}

#[tokio::test]
async fn a_busy_upstream_makes_the_client_wait_and_not_end() {
    let mut running = Running::start_with_inbound(impatient(), 1).await;
    let (mut client, mut flow) = running.connect().await;
    for number in 0..100 {
        client
            .send(Message::text(number.to_string()))
            .await
            .unwrap();
    }
    // One interval and several time-outs pass unanswered: the gateway does not listen.
    answer_pings(&mut client, 3).await;
    for number in 0..100 {
        let expected = number.to_string();
        assert_eq!(flow.receive().await.as_deref(), Some(expected.as_bytes()));
    }
    flow.outbound.send(b"go on".to_vec()).await.unwrap();
    let message = crate::support::next_message(&mut client).await;
    assert_eq!(message, Message::text("go on"));
}
