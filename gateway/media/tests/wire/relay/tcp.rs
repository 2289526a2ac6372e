//! A browser that UDP doesn't reach.

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;

use sidetone_media::PbxSrtp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::{Call, config};
use crate::peer::{DEADLINE, media, until};

/// Stands between a peer that speaks UDP and the gateway's port for streams.
async fn carry(socket: UdpSocket, peer: SocketAddr, mut stream: TcpStream) {
    let mut buffer = [0; 2048];
    let mut unread = Vec::new();
    loop {
        let mut bytes = [0; 4096];
        tokio::select! {
            received = socket.recv_from(&mut buffer) => {
                let (length, from) = received.unwrap();
                assert_eq!(from, peer);
                let header = (length as u16).to_be_bytes();
                let written = stream.write_all(&[&header, &buffer[..length]].concat()).await;
                if let Err(error) = written {
                    return expect_end(&error);
                }
            }
            read = stream.read(&mut bytes) => match read {
                Ok(0) => return,
                Ok(length) => unread.extend(&bytes[..length]),
                Err(error) => return expect_end(&error),
            }
        }
        while let Some((header, rest)) = unread.split_first_chunk::<2>() {
            let length = usize::from(u16::from_be_bytes(*header));
            let Some(packet) = rest.get(..length) else {
                break;
            };
            socket.send_to(packet, peer).await.unwrap();
            unread.drain(..2 + length);
        }
    }
}

/// A stream that is closed while packets are under way to it ends so.
fn expect_end(error: &Error) {
    let kind = error.kind();
    assert!(
        matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
        "{error}"
    );
}

#[tokio::test]
async fn a_call_goes_over_tcp_where_there_is_no_udp() {
    let (mut call, _) = Call::offered(media().await, config(PbxSrtp::None)).await;
    let answer = call.offer("");
    let answer = call.relay.answer_from_pbx("a", &answer).await.unwrap();

    let port = call.media.local_addr().port();
    let offered = format!(" tcp 1520435199 127.0.0.1 {port} typ host tcptype passive\r\n");
    assert!(answer.contains(&offered), "{answer}");
    let stream = TcpStream::connect(call.media.local_addr()).await.unwrap();
    let between = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let other_port = between.local_addr().unwrap().port();
    let peer = call.browser.socket.local_addr().unwrap();
    let carrier = tokio::spawn(carry(between, peer, stream));
    let lines = answer.lines().filter(|line| !line.contains(" tcp "));
    let answer: String = lines.map(|line| format!("{line}\r\n")).collect();
    let udp = format!("127.0.0.1 {port} typ");
    call.browser
        .accept(&answer.replace(&udp, &format!("127.0.0.1 {other_port} typ")));

    call.browser.connect_relay(&mut call.relay).await;
    call.speak().await;
    // The stream ends with the call.
    drop(call.relay);
    let ended = tokio::time::timeout(DEADLINE, carrier).await;
    ended.expect("the stream stays open").unwrap();
    until(&call.media, "its address", |c| c.addresses == 0).await;
}
