//! Who encrypts, and by which key.

use super::*;

#[test]
fn keys_are_offered_and_one_is_chosen() {
    let mut call = Call::new(PbxSrtp::Sdes);
    let offer = call.browser_offers(&web(ALL, ""));
    assert!(line(&offer, "m=").starts_with("m=audio 20000 RTP/SAVP "));
    let offered: Vec<_> = offer
        .lines()
        .filter(|line| line.starts_with("a=crypto:"))
        .collect();
    assert_eq!(offered.len(), 4);
    for (n, suite) in SUITES.into_iter().enumerate() {
        let theirs =
            MasterKey::from_joined(suite, &vec![77; suite.key_length() + suite.salt_length()]);
        let chosen = Crypto {
            tag: n as u32 + 1,
            key: theirs.clone().unwrap(),
        };
        let answer = plain("m=audio 4444 RTP/SAVP 0", &format!("a=crypto:{chosen}\r\n"));
        let (agreement, text) = call.pbx_answers(&answer);
        let (ours, agreed) = agreement.unwrap().keys.unwrap();
        assert_eq!(Some(agreed), theirs);
        let ours = Crypto {
            tag: n as u32 + 1,
            key: ours,
        };
        assert_eq!(offered[n], format!("a=crypto:{ours}"));
        assert!(!text.contains("crypto"), "keys are between us and the PBX");
    }
}

#[test]
fn who_must_encrypt_is_not_talked_to_otherwise() {
    let mut call = Call::new(PbxSrtp::Sdes);
    call.browser_offers(&web(ALL, ""));
    let unencrypted = plain("m=audio 4444 RTP/AVP 0", "");
    let answered = call.negotiation.on_pbx_answer(&unencrypted);
    assert!(matches!(answered, Err(RelayError::Unencrypted)));
    assert!(matches!(
        call.pbx_offers(&unencrypted),
        Err(RelayError::Unencrypted)
    ));
}

#[test]
fn who_encrypts_unasked_is_answered_so() {
    let mut call = Call::new(PbxSrtp::None);
    let offer = |byte: u8| {
        let key = MasterKey::from_joined(Suite::AeadAes256Gcm, &[byte; 44]).unwrap();
        let lines = format!(
            "a=crypto:1 F8_128_HMAC_SHA1_80 inline:x\r\na=crypto:3 {}\r\n",
            Crypto { tag: 3, key }.to_string().trim_start_matches("3 ")
        );
        plain("m=audio 4444 RTP/SAVP 0", &lines)
    };
    call.pbx_offers(&offer(1)).unwrap();
    let (agreement, first) = call.browser_answers(&web("0", ""));
    assert!(agreement.unwrap().keys.is_some());
    assert!(line(&first, "a=crypto").starts_with("a=crypto:3 AEAD_AES_256_GCM inline:"));
    // The same key again, and ours stays; another, and ours is another.
    call.pbx_offers(&offer(1)).unwrap();
    assert_eq!(call.browser_answers(&web("0", "")).1, first);
    call.pbx_offers(&offer(2)).unwrap();
    let changed = call.browser_answers(&web("0", "")).1;
    assert_ne!(line(&changed, "a=crypto"), line(&first, "a=crypto"));
    // What the browser offers then is encrypted as well.
    assert!(line(&call.browser_offers(&web(ALL, "")), "m=").contains("RTP/SAVP"));
}

#[test]
fn the_profile_stays_what_the_pbx_has_begun_with() {
    for profile in ["RTP/AVP", "RTP/AVPF"] {
        let mut call = Call::new(PbxSrtp::None);
        let offer = plain(&format!("m=audio 4444 {profile} 0"), "");
        call.pbx_offers(&offer).unwrap();
        let (_, answer) = call.browser_answers(&web("0", ""));
        let expected = format!("m=audio 20000 {profile} 0");
        assert_eq!(line(&answer, "m="), expected);
        let offer = call.browser_offers(&web("0", "a=inactive\r\n"));
        assert_eq!(line(&offer, "m="), expected);
    }
}

#[test]
fn the_browser_may_leave_the_hello_to_us() {
    for (setup, role) in [("active", Role::Server), ("passive", Role::Client)] {
        let mut call = Call::new(PbxSrtp::None);
        call.pbx_offers(&plain("m=audio 4444 RTP/AVP 0", ""))
            .unwrap();
        let answer = web("0", "").replace("actpass", setup);
        let make = |_: Suite| None;
        let settled = call.negotiation.on_browser_answer(&answer, &make).unwrap();
        assert_eq!(settled.unwrap().1.remote.role, role);
    }
}
