//! A phone on a real WebSocket, for whoever signs in, calls, answers and hangs up.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use sidetone_sip::auth::Secret;
use sidetone_sip::message::Transport;
use sidetone_sip::{
    Account, AccountId, Address, Body, CommandError, Config, Ended, Event, FlowId, Input, Invite,
    Moment, Origin, Output, RegistrationState, SeededTokens, SessionEvent, SessionId, Status, Uri,
    UserAgent,
};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

pub(crate) const FLOW: FlowId = FlowId(0);
/// Long enough for a loaded machine; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) type Socket = WebSocketStream<TcpStream>;

/// Opens `/sip` as a client that is no browser.
pub(crate) async fn open(gateway: SocketAddr) -> Socket {
    let mut request = format!("ws://{gateway}/sip").into_client_request().unwrap();
    request
        .headers_mut()
        .insert("Sec-WebSocket-Protocol", "sip".parse().unwrap());
    let stream = TcpStream::connect(gateway).await.unwrap();
    let (socket, response) = tokio_tungstenite::client_async(request, stream)
        .await
        .unwrap();
    assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "sip");
    socket
}

pub(crate) fn uri(text: &str) -> Uri {
    Uri::parse(text).unwrap()
}

/// A description that offers audio, recognisable by its name.
pub(crate) fn audio(name: &str) -> Body {
    Body::sdp(&format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns={name}\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
    ))
}

/// What a phone hears, as far as these tests look at it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Registered,
    NotRegistered(String),
    Incoming {
        from: String,
        body: Vec<u8>,
    },
    Progress(u16),
    Accepted(Vec<u8>),
    Confirmed,
    Ended {
        status: Option<u16>,
        reasons: Vec<String>,
    },
    /// An OPTIONS of our own was answered.
    Answered(u16),
    Closed,
    Other(String),
}

pub(crate) struct Phone {
    agent: UserAgent,
    pub(crate) account: AccountId,
    pub(crate) socket: Option<Socket>,
    origin: Instant,
    wake: Option<Moment>,
    pub(crate) heard: VecDeque<Heard>,
    pub(crate) incoming: Option<SessionId>,
}

impl Phone {
    /// A phone that is connected and signed in as `number`.
    pub(crate) async fn sign_in(gateway: SocketAddr, number: &str) -> Self {
        let mut phone = Self::new(gateway, number, &format!("demo-{number}")).await;
        assert_eq!(phone.hear().await, Heard::Registered);
        phone
    }

    /// A phone that is connected and signs in.
    pub(crate) async fn new(gateway: SocketAddr, number: &str, password: &str) -> Self {
        let socket = open(gateway).await;
        // The port tells the phones of one test apart.
        let port = socket.get_ref().local_addr().unwrap().port();
        let config = Config {
            keep_alive: None,
            ..Config::new("Phone", &format!("phone{port}.invalid"))
        };
        let mut agent = UserAgent::new(config, Box::new(SeededTokens::new(port.into())));
        let mut contact = Address::new(uri(&format!(
            "sip:{number}@phone{port}.invalid;transport=ws"
        )));
        contact.params.set(
            "+sip.instance",
            Some(&format!("\"<urn:uuid:phone-{port}>\"")),
        );
        let account = Account {
            flow: FLOW,
            address_of_record: Address::new(uri(&format!("sip:{number}@demo.local"))),
            registrar: uri("sip:demo.local"),
            auth_user: None,
            credentials: Secret::new(password).into(),
            contact,
            expires: 600,
        };
        let account = agent.add_account(Moment::default(), account).unwrap();
        let mut phone = Self {
            agent,
            account,
            socket: None,
            origin: Instant::now(),
            wake: None,
            heard: VecDeque::new(),
            incoming: None,
        };
        phone.flush().await;
        phone.attach(socket).await;
        phone
    }

    pub(crate) async fn attach(&mut self, socket: Socket) {
        self.socket = Some(socket);
        self.input(Input::TransportUp {
            flow: FLOW,
            transport: Transport::Ws,
        })
        .await;
    }

    pub(crate) async fn call(&mut self, number: &str, body: Body) -> SessionId {
        let target = uri(&format!("sip:{number}@demo.local"));
        let invite = Invite {
            origin: Origin::Account(self.account),
            to: Address::new(target.clone()),
            target,
            headers: Vec::new(),
            body: Some(body),
        };
        self.command(|ua, now| ua.invite(now, invite)).await
    }

    pub(crate) async fn command<T>(
        &mut self,
        command: impl FnOnce(&mut UserAgent, Moment) -> Result<T, CommandError>,
    ) -> T {
        let now = self.now();
        let result = command(&mut self.agent, now).unwrap();
        self.flush().await;
        result
    }

    pub(crate) async fn answer(&mut self, name: &str) {
        let session = self.incoming.unwrap();
        self.command(|ua, now| ua.accept(now, session, audio(name)))
            .await;
    }

    pub(crate) async fn hang_up(&mut self, session: SessionId) {
        self.command(|ua, now| ua.end(now, session, None)).await;
        assert_eq!(
            self.hear().await,
            Heard::Ended {
                status: None,
                reasons: Vec::new()
            }
        );
    }

    /// The next thing it hears.
    pub(crate) async fn hear(&mut self) -> Heard {
        let heard = timeout(PATIENCE, async {
            while self.heard.is_empty() {
                self.turn().await;
            }
        });
        heard.await.expect("the phone hears something");
        self.heard.pop_front().unwrap()
    }

    async fn turn(&mut self) {
        let due = self
            .wake
            .map(|at| self.origin + Duration::from_millis(at.as_millis()));
        let socket = self.socket.as_mut().expect("connected");
        let frame = tokio::select! {
            frame = socket.next() => Some(frame),
            () = sleep_until(due.unwrap_or(self.origin)), if due.is_some() => None,
        };
        let input = match frame {
            None => Input::TimerFired,
            Some(Some(Ok(Frame::Text(text)))) => Input::Received {
                flow: FLOW,
                bytes: text.as_bytes().to_vec(),
            },
            Some(Some(Ok(Frame::Ping(_)))) => return,
            Some(_) => {
                self.heard.push_back(Heard::Closed);
                self.socket = None;
                return;
            }
        };
        self.input(input).await;
    }

    pub(crate) async fn input(&mut self, input: Input) {
        let now = self.now();
        self.agent.handle_input(now, input).unwrap();
        self.flush().await;
    }

    async fn flush(&mut self) {
        loop {
            match self.agent.poll_output() {
                Output::Transmit { bytes, .. } => {
                    let text = String::from_utf8(bytes).unwrap();
                    if let Some(socket) = &mut self.socket {
                        // A socket that has just closed is heard of by reading.
                        let _ = socket.send(Frame::text(text)).await;
                    }
                }
                Output::Event(event) => self.on_event(event),
                Output::Timeout(at) => {
                    self.wake = at;
                    return;
                }
            }
        }
    }

    fn on_event(&mut self, event: Event) {
        let heard = match event {
            Event::Registration { state, .. } => match state {
                RegistrationState::Registering => return,
                RegistrationState::Registered { .. } => Heard::Registered,
                RegistrationState::Failed { cause, .. } => {
                    Heard::NotRegistered(format!("{cause:?}"))
                }
                RegistrationState::Unregistered => Heard::Other("unregistered".into()),
            },
            Event::Session { session, event } => match event {
                SessionEvent::Incoming { request, .. } => {
                    self.incoming = Some(session);
                    Heard::Incoming {
                        from: request.headers.from.to_string(),
                        body: request.body,
                    }
                }
                SessionEvent::Progress { status, .. } => Heard::Progress(status.code()),
                SessionEvent::Accepted { body, .. } => {
                    Heard::Accepted(body.map(|b| b.bytes).unwrap_or_default())
                }
                SessionEvent::Confirmed => Heard::Confirmed,
                SessionEvent::Ended(Ended {
                    status, reasons, ..
                }) => Heard::Ended {
                    status: status.map(Status::code),
                    reasons: reasons.iter().map(ToString::to_string).collect(),
                },
                other => Heard::Other(format!("{other:?}")),
            },
            Event::RequestAnswered { outcome, .. } => match outcome {
                Ok(response) => Heard::Answered(response.status.code()),
                Err(why) => Heard::Other(format!("{why:?}")),
            },
            Event::FlowAnswered { .. } => return,
            other => Heard::Other(format!("{other:?}")),
        };
        self.heard.push_back(heard);
    }

    fn now(&self) -> Moment {
        Moment::from_millis(u64::try_from(self.origin.elapsed().as_millis()).unwrap())
    }
}
