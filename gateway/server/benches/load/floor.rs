//! The least: a program that reads frames from WebSockets and writes the same bytes back, or passes
//! them on as datagrams and back. It knows nothing of SIP.

use std::io;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use super::frames::{self, Frame};
use super::process::Process;
use super::server::Server;

/// The argument that makes this program the floor.
pub(crate) const ARGUMENT: &str = "floor";

/// Starts it as a process of its own; with `pbx`, frames go there.
pub(crate) fn start(pbx: Option<SocketAddr>) -> Server {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg(ARGUMENT).stdout(Stdio::piped());
    command.args(pbx.map(|pbx| pbx.to_string()));
    let mut process = Process::start(&mut command).expect("this program is there");
    let address = process.first_line().parse().unwrap();
    Server::new("floor", address, "/", vec![process])
}

/// What that process does.
pub(crate) fn run(pbx: Option<SocketAddr>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_io().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A phone that goes away ends its task.
            tokio::spawn(async move { serve(stream, pbx).await });
        }
    });
}

async fn serve(mut stream: TcpStream, pbx: Option<SocketAddr>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut inbox = Vec::new();
    while !inbox.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut inbox).await? == 0 {
            return Ok(());
        }
    }
    inbox.clear();
    let welcome = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
        Connection: upgrade\r\nSec-WebSocket-Protocol: sip\r\n\r\n";
    stream.write_all(welcome).await?;
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    if let Some(pbx) = pbx {
        socket.connect(pbx).await?;
    }
    let mut datagram = vec![0; 8192];
    let mut out = Vec::new();
    loop {
        tokio::select! {
            read = stream.read_buf(&mut inbox) => if read? == 0 {
                return Ok(());
            },
            length = socket.recv(&mut datagram), if pbx.is_some() => {
                frames::write_text(&datagram[..length?], false, &mut out);
            }
        }
        while let Some(frame) = frames::take(&mut inbox) {
            let Frame::Text(text) = frame else { continue };
            match pbx {
                Some(_) => drop(socket.send(&text).await?),
                None => frames::write_text(&text, false, &mut out),
            }
        }
        if !out.is_empty() {
            stream.write_all(&out).await?;
            out.clear();
        }
    }
}
