use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::support::{PATIENCE, Running};

pub(crate) type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(running: &Running) -> Client {
    connect_async(running.handshake()).await.unwrap().0
}

async fn next(client: &mut Client) -> Message {
    let message = tokio::time::timeout(PATIENCE, client.next());
    message.await.expect("nothing came").unwrap().unwrap()
}

/// The switch answers OPTIONS of anybody.
pub(crate) async fn assert_served(client: &mut Client) {
    let options = "OPTIONS sip:demo.local SIP/2.0\r\n\
                   Via: SIP/2.0/WS a.invalid;branch=z9hG4bKoptions\r\n\
                   Max-Forwards: 70\r\n\
                   From: <sip:101@demo.local>;tag=a\r\n\
                   To: <sip:demo.local>\r\n\
                   Call-ID: options@a.invalid\r\n\
                   CSeq: 1 OPTIONS\r\n\
                   Content-Length: 0\r\n\r\n";
    client.send(Message::text(options)).await.unwrap();
    let answer = next(client).await.into_text().unwrap();
    assert!(answer.starts_with("SIP/2.0 200 "), "{answer}");
    assert!(answer.contains("CSeq: 1 OPTIONS\r\n"), "{answer}");
}

#[tokio::test]
async fn sip_reaches_the_switch() {
    let running = Running::start(|_| {}).await;
    let mut client = connect(&running).await;
    assert_served(&mut client).await;
    assert_eq!(running.gateway.flows(), 1);
}

#[tokio::test]
async fn a_bad_client_disturbs_no_other() {
    let running = Running::start(|config| config.sip.message = 4096).await;
    let mut good = connect(&running).await;
    assert_served(&mut good).await;
    let mut bad = connect(&running).await;
    for bytes in [
        Message::text("no SIP at all"),
        Message::binary(vec![0xff; 4000]),
        Message::text("INVITE sip:x SIP/2.0\r\n\r\n"),
        Message::text("x".repeat(4097)),
    ] {
        bad.send(bytes).await.unwrap();
    }
    let closed = loop {
        match next(&mut bad).await {
            Message::Close(frame) => break frame,
            _ => continue,
        }
    };
    assert_eq!(closed.map(|frame| frame.code), Some(CloseCode::Size));
    assert_served(&mut good).await;
}

#[tokio::test]
async fn the_origins_of_the_configuration_are_let_in() {
    let phone = "https://phone.example".parse().unwrap();
    let running = Running::start(|config| config.origins = vec![phone]).await;
    let mut request = running.handshake();
    let headers = request.headers_mut();
    headers.insert("origin", "https://phone.example".parse().unwrap());
    let (mut client, _) = connect_async(request).await.unwrap();
    assert_served(&mut client).await;
    let mut request = running.handshake();
    let headers = request.headers_mut();
    headers.insert("origin", "https://evil.example".parse().unwrap());
    assert!(connect_async(request).await.is_err());
}

#[tokio::test]
async fn shutdown_says_goodbye_and_gives_the_port_back() {
    let running = Running::start(|_| {}).await;
    let addr = running.gateway.addr();
    let mut client = connect(&running).await;
    assert_served(&mut client).await;
    let reader = async {
        let Message::Close(Some(frame)) = next(&mut client).await else {
            panic!("not closed");
        };
        while let Some(Ok(_)) = client.next().await {}
        frame.code
    };
    let (code, ()) = tokio::join!(reader, running.gateway.shutdown());
    assert_eq!(code, CloseCode::Away);
    assert!(TcpStream::connect(addr).await.is_err());
}
