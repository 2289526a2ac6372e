//! Bodies of event packages.

use std::time::Duration;

use sidetone_sip::packages::{
    ContactEvent, ContactInfo, Counts, DialogInfo, DialogPhase, DialogState, DialogWatch,
    Direction, IsComposing, KeyPress, MessageSummary, Party, Presence, RegInfo, RegWatch,
    RegistrationInfo, RegistrationPhase, SipFrag, Tuple, Update,
};
use sidetone_sip::{Body, Status, Text};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn a_dialog_info_of_another_maker_is_read() {
    let text = r#"<?xml version="1.0"?>
        <d:dialog-info xmlns:d="urn:ietf:params:xml:ns:dialog-info"
            version="7" state="partial" entity="sip:102@demo.test">
          <d:dialog id="x1" call-id="c@h" local-tag="l" remote-tag="r" direction="recipient">
            <d:state event="cancelled" code="180">early</d:state>
            <d:duration>3</d:duration>
            <d:remote>
              <d:identity display="Ann &amp; Bob">sip:101@demo.test</d:identity>
              <d:target uri="sip:c0ffee@a.invalid"><d:param pname="a" pval="b"/></d:target>
            </d:remote>
          </d:dialog>
        </d:dialog-info>"#;
    let info = DialogInfo::parse(text.as_bytes()).unwrap();
    let expected = DialogInfo {
        version: 7,
        is_full: false,
        entity: "sip:102@demo.test".into(),
        dialogs: vec![DialogState {
            call_id: Some("c@h".into()),
            local_tag: Some("l".into()),
            remote_tag: Some("r".into()),
            direction: Some(Direction::Recipient),
            code: Some(180),
            remote: Some(Party {
                display: Some("Ann & Bob".into()),
                identity: Some("sip:101@demo.test".into()),
                target: Some("sip:c0ffee@a.invalid".into()),
            }),
            ..DialogState::new("x1", DialogPhase::Early)
        }],
    };
    assert_eq!(info, expected);
    let body = info.to_body();
    assert_eq!(body.content_type, "application/dialog-info+xml");
    assert_eq!(DialogInfo::parse(&body.bytes), Ok(expected));
}

#[test]
fn what_is_written_reads_back() {
    for phase in [
        DialogPhase::Trying,
        DialogPhase::Proceeding,
        DialogPhase::Early,
        DialogPhase::Confirmed,
        DialogPhase::Terminated,
    ] {
        let info = DialogInfo {
            version: u32::MAX,
            is_full: true,
            entity: "sip:a\"<b>'&c@d".into(),
            dialogs: vec![DialogState {
                local: Some(Party::default()),
                direction: Some(Direction::Initiator),
                ..DialogState::new("1&2", phase)
            }],
        };
        assert_eq!(DialogInfo::parse(&info.to_body().bytes), Ok(info));
    }
}

#[test]
fn what_is_no_dialog_info_is_refused() {
    for bad in [
        "<presence/>",
        "<dialog-info state='full' entity='a'/>",
        "<dialog-info version='-1' state='full' entity='a'/>",
        "<dialog-info version='1' state='some' entity='a'/>",
        "<dialog-info version='1' state='full'><dialog><state>early</state></dialog></dialog-info>",
        "<dialog-info version='1' state='full'><dialog id='1'/></dialog-info>",
    ] {
        assert!(DialogInfo::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

fn info(version: u32, is_full: bool, dialogs: &[(&str, DialogPhase)]) -> DialogInfo {
    let dialogs = dialogs.iter();
    DialogInfo {
        version,
        is_full,
        entity: "sip:102@demo.test".into(),
        dialogs: dialogs
            .map(|(id, phase)| DialogState::new(*id, *phase))
            .collect(),
    }
}

#[test]
fn a_watch_puts_partial_states_together_in_order() {
    use DialogPhase::{Confirmed, Early, Terminated};
    let mut watch = DialogWatch::new();
    let known = |watch: &DialogWatch| {
        let dialogs = watch.dialogs();
        dialogs.map(|d| (d.id.clone(), d.phase)).collect::<Vec<_>>()
    };
    let (a, b): (Text, Text) = ("a".into(), "b".into());
    let update = watch.take(info(0, true, &[("a", Early)]));
    assert_eq!(update, Update::Taken);
    let update = watch.take(info(1, false, &[("b", Early)]));
    assert_eq!(update, Update::Taken);
    let update = watch.take(info(2, false, &[("a", Confirmed)]));
    assert_eq!(update, Update::Taken);
    assert_eq!(known(&watch), [(a.clone(), Confirmed), (b.clone(), Early)]);
    let update = watch.take(info(1, false, &[("a", Terminated)]));
    assert_eq!(update, Update::Outdated);
    let update = watch.take(info(2, true, &[]));
    assert_eq!(update, Update::Outdated);
    assert_eq!(known(&watch), [(a, Confirmed), (b.clone(), Early)]);
    let update = watch.take(info(5, false, &[("a", Terminated)]));
    assert_eq!(update, Update::Incomplete);
    assert_eq!(known(&watch), [(b, Early)]);
    let update = watch.take(info(9, true, &[]));
    assert_eq!(update, Update::Taken);
    assert_eq!(known(&watch), []);
    let mut late = DialogWatch::new();
    let update = late.take(info(3, false, &[]));
    assert_eq!(update, Update::Incomplete);
}

#[test]
fn message_summaries_read_and_print() {
    let text = "Messages-Waiting: Yes\r\nMessage-Account: sip:101@demo.test\r\n\
                Voice-Message: 2/8 (1/0)\nX-Other: 1\r\nFax-Message:0/3\r\n\r\n\
                To: <sip:101@demo.test>\r\nno colon here";
    let summary = MessageSummary::parse(text.as_bytes()).unwrap();
    assert!(summary.waiting);
    assert_eq!(summary.account, Some("sip:101@demo.test".into()));
    let voice = Counts {
        new: 2,
        old: 8,
        urgent: Some((1, 0)),
    };
    assert_eq!(summary.voice(), voice);
    assert_eq!(summary.counts.len(), 2);
    assert_eq!(MessageSummary::parse(&summary.to_body().bytes), Ok(summary));

    let none = MessageSummary::parse(b"Messages-Waiting: no\r\n").unwrap();
    assert_eq!(none, MessageSummary::default());
    assert_eq!(none.voice(), Counts::default());
    for bad in [
        "",
        "Voice-Message: 1/2\r\n",
        "Messages-Waiting: yes\r\nVoice-Message: 1\r\n",
        "Messages-Waiting: yes\r\nVoice-Message: 1/-2\r\n",
        "Messages-Waiting: yes\r\nVoice-Message: 1/2 (3/4\r\n",
        "Messages-Waiting yes\r\n",
    ] {
        assert!(MessageSummary::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn status_lines_read_and_print() {
    let frag = SipFrag::parse(b"SIP/2.0 486 Busy Here\r\nContact: <sip:a@b>\r\n").unwrap();
    assert_eq!(frag, SipFrag::of(Status::BUSY_HERE));
    let body = frag.to_body();
    assert_eq!(body.content_type, "message/sipfrag;version=2.0");
    assert_eq!(body.bytes, b"SIP/2.0 486 Busy Here\r\n");
    let bare = SipFrag::parse(b"SIP/2.0 200").unwrap();
    assert_eq!(bare.status, Status::OK);
    for bad in [
        "",
        "SIP/2.0 99 x",
        "SIP/2.0 0200 x",
        "INVITE sip:a@b SIP/2.0",
        "SIP/2.0 abc x",
    ] {
        assert!(SipFrag::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn presence_reads_and_prints() {
    let text = r#"<?xml version="1.0" encoding="UTF-8"?>
        <p:presence xmlns:p="urn:ietf:params:xml:ns:pidf" entity="pres:a@b">
          <p:tuple id="t1">
            <p:status><p:basic>open</p:basic><x:other xmlns:x="urn:x">1</x:other></p:status>
            <p:contact priority="0.8">sip:a@b</p:contact>
            <p:note xml:lang="en">Back &lt;soon&gt;</p:note>
          </p:tuple>
          <p:tuple id="t2"><p:status/></p:tuple>
          <p:note>hi</p:note>
        </p:presence>"#;
    let presence = Presence::parse(text.as_bytes()).unwrap();
    let expected = Presence {
        entity: "pres:a@b".into(),
        tuples: vec![
            Tuple {
                id: "t1".into(),
                is_open: Some(true),
                contact: Some("sip:a@b".into()),
                notes: vec!["Back <soon>".into()],
            },
            Tuple {
                id: "t2".into(),
                is_open: None,
                contact: None,
                notes: Vec::new(),
            },
        ],
        notes: vec!["hi".into()],
    };
    assert_eq!(presence, expected);
    assert!(presence.is_open());
    let body = presence.to_body();
    assert_eq!(body.content_type, "application/pidf+xml");
    assert_eq!(Presence::parse(&body.bytes), Ok(expected));
    let closed = "<presence entity='a'><tuple id='1'><status><basic>closed</basic></status>\
                  </tuple></presence>";
    assert!(!Presence::parse(closed.as_bytes()).unwrap().is_open());
    for bad in [
        "<dialog-info/>",
        "<presence/>",
        "<presence entity='a'><tuple id='1'/></presence>",
        "<presence entity='a'><tuple><status/></tuple></presence>",
    ] {
        assert!(Presence::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn typing_reads_and_prints() {
    use std::time::Duration;
    let composing = IsComposing {
        is_active: true,
        content_type: Some("text".into()),
        refresh: Some(Duration::from_secs(90)),
    };
    let body = composing.to_body();
    assert_eq!(body.content_type, "application/im-iscomposing+xml");
    assert_eq!(IsComposing::parse(&body.bytes), Ok(composing));
    let unknown = b"<isComposing><state>thinking</state><refresh>soon</refresh></isComposing>";
    let idle = IsComposing {
        is_active: false,
        content_type: None,
        refresh: None,
    };
    assert_eq!(IsComposing::parse(unknown), Ok(idle.clone()));
    assert_eq!(IsComposing::parse(&idle.to_body().bytes), Ok(idle));
    for bad in ["<isComposing/>", "<state>active</state>"] {
        assert!(IsComposing::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

const REG_INFO: &str = r#"<?xml version="1.0"?>
    <reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="3" state="full">
      <registration aor="sip:101@demo.test" id="a7" state="active">
        <contact id="76" state="active" event="registered" duration-registered="7322" q="0.8"
            expires="3600" callid="c@h" cseq="4">
          <uri>sip:101@a.invalid;transport=ws</uri>
          <display-name xml:lang="en">Ann &amp; Bob</display-name>
          <unknown-param name="+sip.instance">"&lt;urn:uuid:1&gt;"</unknown-param>
          <other/>
        </contact>
        <contact id="77" state="terminated" event="probation" retry-after="60">
          <uri>sip:101@b.invalid</uri>
        </contact>
      </registration>
    </reginfo>"#;

#[test]
fn a_reg_info_of_another_maker_is_read() {
    let info = RegInfo::parse(REG_INFO.as_bytes()).unwrap();
    let expected = RegInfo {
        version: 3,
        is_full: true,
        registrations: vec![RegistrationInfo {
            aor: "sip:101@demo.test".into(),
            id: "a7".into(),
            phase: RegistrationPhase::Active,
            contacts: vec![
                ContactInfo {
                    display_name: Some("Ann & Bob".into()),
                    expires: Some(3600),
                    duration: Some(7322),
                    call_id: Some("c@h".into()),
                    cseq: Some(4),
                    q: Some("0.8".into()),
                    params: vec![("+sip.instance".into(), "\"<urn:uuid:1>\"".into())],
                    ..ContactInfo::new(
                        "76",
                        "sip:101@a.invalid;transport=ws",
                        ContactEvent::Registered,
                    )
                },
                ContactInfo {
                    retry_after: Some(60),
                    ..ContactInfo::new("77", "sip:101@b.invalid", ContactEvent::Probation)
                },
            ],
        }],
    };
    assert_eq!(info, expected);
    let body = info.to_body();
    assert_eq!(body.content_type, "application/reginfo+xml");
    assert_eq!(RegInfo::parse(&body.bytes), Ok(expected));
}

#[test]
fn what_is_no_reg_info_is_refused() {
    let good = REG_INFO;
    for (from, to) in [
        ("reginfo xmlns", "presence xmlns"),
        ("version=\"3\"", ""),
        ("state=\"full\"", ""),
        ("aor=", "or="),
        ("id=\"a7\"", ""),
        ("state=\"active\">", "state=\"on\">"),
        ("id=\"76\"", ""),
        ("state=\"active\" event", "event"),
        ("event=\"registered\"", "event=\"rang\""),
        ("<uri>sip:101@b.invalid</uri>", ""),
    ] {
        assert!(good.contains(from), "{from}");
        let bad = good.replacen(from, to, 1);
        let bad = match from {
            "reginfo xmlns" => bad.replace("</reginfo>", "</presence>"),
            _ => bad,
        };
        assert!(RegInfo::parse(bad.as_bytes()).is_err(), "{from}");
    }
}

#[test]
fn registrations_are_put_together_in_the_order_of_versions() {
    let mut watch = RegWatch::new();
    let info = RegInfo::parse(REG_INFO.as_bytes()).unwrap();
    assert_eq!(watch.take(info.clone()), Update::Taken);
    assert_eq!(watch.take(info.clone()), Update::Outdated);
    let ids = |watch: &RegWatch| {
        let all = watch.registrations().flat_map(|r| &r.contacts);
        all.map(|contact| contact.id.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&watch), ["76"]);
    let change = |version, id: &str, event| RegInfo {
        version,
        is_full: false,
        registrations: vec![RegistrationInfo {
            contacts: vec![ContactInfo::new(Text::from(id), "sip:a@b", event)],
            ..info.registrations[0].clone()
        }],
    };
    let joins = change(4, "78", ContactEvent::Registered);
    assert_eq!(watch.take(joins), Update::Taken);
    assert_eq!(ids(&watch), ["76", "78"]);
    // Version 5 is missing.
    let leaves = change(6, "76", ContactEvent::Expired);
    assert_eq!(watch.take(leaves), Update::Incomplete);
    assert_eq!(ids(&watch), ["78"]);
    let phases: Vec<_> = watch.registrations().map(|r| r.phase).collect();
    assert_eq!(phases, [RegistrationPhase::Active]);
    let empty = RegInfo {
        version: 7,
        is_full: true,
        registrations: Vec::new(),
    };
    assert_eq!(watch.take(empty), Update::Taken);
    assert_eq!(watch.registrations().count(), 0);
}

#[test]
fn keys_in_an_info_are_read_and_written() {
    let of = |content_type: &str, text: &str| {
        KeyPress::parse(&Body {
            content_type: content_type.into(),
            bytes: text.as_bytes().to_vec(),
        })
    };
    let millis = Duration::from_millis;
    let relay = "application/dtmf-relay";
    for (content_type, text, key, duration) in [
        (relay, "Signal=5\r\nDuration=120\r\n", '5', 120),
        (relay, "duration = 250\nsignal= #", '#', 250),
        (relay, "Signal=10\r\n", '*', 160),
        (relay, "Signal=15\r\nDuration=x", 'D', 160),
        (relay, "Signal=a\r\nDuration=99999999", 'A', 10_000),
        (
            "Application/DTMF-Relay; charset=utf-8",
            "Signal=0",
            '0',
            160,
        ),
        ("application/dtmf", " 7\r\n", '7', 160),
        ("application/dtmf", "11", '#', 160),
    ] {
        let press = of(content_type, text).unwrap();
        assert_eq!((press.key(), press.duration), (key, millis(duration)));
        assert_eq!(KeyPress::parse(&press.to_body()), Ok(press));
    }
    for (content_type, text) in [
        (relay, ""),
        (relay, "Duration=120"),
        (relay, "Signal="),
        (relay, "Signal=E"),
        (relay, "Signal=16"),
        (relay, "Signal=9x"),
        (relay, "Signal=-1"),
        ("application/dtmf", ""),
        ("application/sdp", "5"),
    ] {
        assert!(of(content_type, text).is_err(), "{content_type}: {text}");
    }
    assert!(KeyPress::of('e', millis(1)).is_err());
    let written = KeyPress::of('d', millis(120)).unwrap().to_body();
    assert_eq!(written.bytes, b"Signal=D\r\nDuration=120\r\n");
}
