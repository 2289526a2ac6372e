use sidetone_sip::auth::{Known, Secret};

use super::*;
use crate::directory::{Directory, Extension, Tenant, TenantId};

fn switch() -> Switch {
    let extension = Extension {
        number: "101".into(),
        name: "Alice".into(),
        secret: Known::Password(Secret::new("demo-101")),
    };
    let tenant = Tenant {
        id: TenantId::new("demo"),
        realm: "demo.local".into(),
        domains: Vec::new(),
        extensions: vec![extension],
    };
    Switch::start(
        SwitchConfig::new(Directory::new(vec![tenant])),
        BTreeMap::new(),
    )
}

struct Client {
    id: u64,
    inbound: Box<dyn Inbound>,
    receiver: mpsc::Receiver<Vec<u8>>,
}

impl Client {
    /// A client for which `queue` messages may wait.
    fn open(switch: &Switch, id: u64, queue: usize) -> Self {
        let info = FlowInfo {
            person: None,
            id: FlowId(id),
            remote: ([127, 0, 0, 1], 1024).into(),
            secure: false,
        };
        let (outbound, receiver) = mpsc::channel(queue);
        let inbound = switch.open(info, outbound);
        Self {
            id,
            inbound,
            receiver,
        }
    }

    fn options(&self, n: u32) -> Vec<u8> {
        let Self { id, .. } = self;
        format!(
            "OPTIONS sip:demo.local SIP/2.0\r\n\
             Via: SIP/2.0/WS client{id}.invalid;branch=z9hG4bK{n}\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:101@demo.local>;tag={n}\r\n\
             To: <sip:demo.local>\r\n\
             Call-ID: {id}\r\n\
             CSeq: {n} OPTIONS\r\n\
             Content-Length: 0\r\n\r\n"
        )
        .into_bytes()
    }

    fn ask(&mut self, n: u32) {
        let message = self.options(n);
        self.inbound.deliver(message).unwrap();
    }

    /// The first line of the next message; none when the flow was closed.
    async fn hear(&mut self) -> Option<String> {
        let message = String::from_utf8(self.receiver.recv().await?).unwrap();
        message.lines().next().map(str::to_owned)
    }
}

const OK: Option<&str> = Some("SIP/2.0 200 OK");

#[tokio::test]
async fn a_message_is_answered_on_its_flow() {
    let switch = switch();
    let (mut a, mut b) = (Client::open(&switch, 1, 8), Client::open(&switch, 2, 8));
    a.ask(1);
    assert_eq!(a.hear().await.as_deref(), OK);
    b.ask(1);
    assert_eq!(b.hear().await.as_deref(), OK);
    assert!(a.receiver.try_recv().is_err());
}

#[tokio::test]
async fn flows_count_while_they_live() {
    let switch = switch();
    let (a, b) = (Client::open(&switch, 1, 8), Client::open(&switch, 2, 8));
    assert!(switch.wait_until(|s| s.flows == 2).await);
    drop(a);
    assert!(switch.wait_until(|s| s.flows == 1).await);
    drop(b);
    assert!(switch.wait_until(|s| s.flows == 0).await);
}

#[tokio::test]
async fn a_flow_that_does_not_read_is_closed_and_no_other() {
    let switch = switch();
    let (mut deaf, mut good) = (Client::open(&switch, 1, 1), Client::open(&switch, 2, 8));
    for n in 1..=3 {
        deaf.ask(n);
    }
    assert!(switch.wait_until(|s| s.flows == 1).await);
    assert_eq!(deaf.hear().await.as_deref(), OK);
    assert_eq!(deaf.hear().await, None);
    good.ask(1);
    assert_eq!(good.hear().await.as_deref(), OK);
}

#[tokio::test]
async fn a_flood_on_one_flow_keeps_no_other_out() {
    let switch = switch();
    let mut flooder = Client::open(&switch, 1, 8);
    let mut heard = std::mem::replace(&mut flooder.receiver, mpsc::channel(1).1);
    let mut good = Client::open(&switch, 2, 8);
    let rubbish = tokio::spawn(async move {
        while flooder.inbound.deliver(vec![0xff; 2_000]).is_ok() {
            tokio::task::yield_now().await;
        }
    });
    for n in 1..=20 {
        good.ask(n);
        assert_eq!(good.hear().await.as_deref(), OK);
    }
    rubbish.abort();
    assert!(heard.try_recv().is_err());
}

#[tokio::test]
async fn a_shutdown_closes_all_flows_and_opens_no_more() {
    let switch = switch();
    let mut before = Client::open(&switch, 1, 8);
    assert!(switch.wait_until(|s| s.flows == 1).await);
    switch.shutdown(Duration::from_secs(1)).await;
    assert_eq!(before.hear().await, None);
    let mut after = Client::open(&switch, 2, 8);
    assert_eq!(after.hear().await, None);
    switch.shutdown(Duration::from_secs(1)).await;
}
