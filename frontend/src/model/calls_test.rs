use super::*;

fn bob() -> Party {
    Party {
        name: Some("Bob".into()),
        number: "102".into(),
    }
}

fn phase(calls: &Calls, key: CallKey) -> Phase {
    calls
        .call(key)
        .map(|call| call.phase.clone())
        .expect("the card is there")
}

fn talking(calls: &mut Calls, at: f64) -> CallKey {
    let key = calls.ring(bob());
    calls.on_answered(key, at);
    calls.on_sound(key);
    key
}

#[test]
fn an_outgoing_call_lives_from_dialling_to_hanging_up() {
    let mut calls = Calls::default();
    let key = calls.dial(bob());
    assert_eq!(phase(&calls, key), Phase::Calling);
    calls.on_ringing(key, false);
    assert_eq!(phase(&calls, key), Phase::Ringing { early_media: false });
    calls.on_answered(key, 1_000.0);
    assert_eq!(phase(&calls, key), Phase::Connecting { silent: None });
    calls.on_sound(key);
    assert_eq!(
        phase(&calls, key),
        Phase::Active {
            since: 1_000.0,
            interrupted: false
        }
    );
    calls.on_ended(key, EndReason::HungUp, 63_999.0);
    assert_eq!(
        phase(&calls, key),
        Phase::Ended {
            reason: EndReason::HungUp,
            seconds: Some(62)
        }
    );
}

#[test]
fn early_media_stays_once_it_was_there() {
    let mut calls = Calls::default();
    let key = calls.dial(bob());
    calls.on_ringing(key, true);
    calls.on_ringing(key, false);
    assert_eq!(phase(&calls, key), Phase::Ringing { early_media: true });
}

#[test]
fn nothing_wakes_a_call_that_has_ended() {
    let mut calls = Calls::default();
    let key = calls.ring(bob());
    calls.on_ended(key, EndReason::Missed, 1.0);
    let ended = phase(&calls, key);
    calls.on_ringing(key, true);
    calls.on_answered(key, 2.0);
    calls.on_sound(key);
    calls.on_interrupted(key, 2.0);
    calls.set_muted(key, true);
    calls.on_ended(key, EndReason::HungUp, 3.0);
    assert_eq!(phase(&calls, key), ended);
    assert!(!calls.call(key).expect("there").muted);
    assert_eq!(calls.front(), None);
}

#[test]
fn early_sound_does_not_make_a_call_active() {
    let mut calls = Calls::default();
    let key = calls.dial(bob());
    calls.on_ringing(key, true);
    calls.on_sound(key);
    assert_eq!(phase(&calls, key), Phase::Ringing { early_media: true });
}

#[test]
fn an_interruption_is_mended_by_sound_and_keeps_the_timer() {
    let mut calls = Calls::default();
    let key = talking(&mut calls, 5.0);
    calls.on_interrupted(key, 9.0);
    assert_eq!(
        phase(&calls, key),
        Phase::Active {
            since: 5.0,
            interrupted: true
        }
    );
    calls.on_sound(key);
    assert_eq!(
        phase(&calls, key),
        Phase::Active {
            since: 5.0,
            interrupted: false
        }
    );
}

#[test]
fn only_the_front_call_is_heard_and_the_last_one_left_comes_back() {
    let mut calls = Calls::default();
    let first = talking(&mut calls, 0.0);
    assert!(calls.is_heard(first));
    let second = talking(&mut calls, 1.0);
    assert!(calls.is_heard(second) && !calls.is_heard(first));
    assert!(calls.call(first).expect("there").background);
    calls.on_ended(second, EndReason::PeerHungUp, 2.0);
    assert!(calls.is_heard(first));
    assert!(!calls.call(first).expect("there").background);
}

#[test]
fn with_two_left_nobody_is_heard_until_one_is_chosen() {
    let mut calls = Calls::default();
    let (first, second, third) = (
        talking(&mut calls, 0.0),
        talking(&mut calls, 1.0),
        talking(&mut calls, 2.0),
    );
    calls.on_ended(third, EndReason::HungUp, 3.0);
    assert!(!calls.is_heard(first) && !calls.is_heard(second));
    calls.bring_to_front(first);
    assert!(calls.is_heard(first) && !calls.is_heard(second));
}

#[test]
fn an_incoming_call_leaves_the_talk_alone() {
    let mut calls = Calls::default();
    let first = talking(&mut calls, 0.0);
    let second = calls.ring(bob());
    assert!(calls.is_heard(first));
    calls.on_ended(second, EndReason::Missed, 1.0);
    assert!(calls.is_heard(first));
}

#[test]
fn muting_keeps_the_call_in_front_but_unheard() {
    let mut calls = Calls::default();
    let key = talking(&mut calls, 0.0);
    calls.set_muted(key, true);
    assert!(!calls.is_heard(key));
    assert_eq!(calls.front().map(|c| c.key), Some(key));
}

#[test]
fn cards_go_by_themselves_or_when_dismissed_but_never_while_live() {
    let mut calls = Calls::default();
    let live = calls.dial(bob());
    let ended = calls.ring(bob());
    calls.on_ended(ended, EndReason::AnsweredElsewhere, 100.0);
    calls.dismiss(live);
    assert_eq!(calls.next_due(), Some(5_100.0));
    assert_eq!(calls.on_time(5_099.0), None);
    assert_eq!(calls.iter().count(), 2);
    assert_eq!(calls.on_time(5_100.0), None);
    assert_eq!(calls.iter().map(|c| c.key).collect::<Vec<_>>(), [live]);
    assert_eq!(calls.next_due(), None);
}

#[test]
fn sound_that_does_not_come_is_repaired_once_and_then_the_user_is_told() {
    let mut calls = Calls::default();
    let key = calls.dial(bob());
    assert_eq!(calls.next_due(), None);
    calls.on_answered(key, 1_000.0);
    assert_eq!(calls.next_due(), Some(9_000.0));
    assert_eq!(calls.on_time(8_999.0), None);
    assert_eq!(calls.on_time(9_500.0), Some(key));
    assert_eq!(calls.on_time(9_500.0), None);
    assert_eq!(calls.next_due(), Some(24_500.0));
    assert_eq!(calls.on_time(24_499.0), None);
    assert_eq!(phase(&calls, key), Phase::Connecting { silent: None });
    assert_eq!(calls.on_time(24_500.0), None);
    let silent = Some(Silence::Network);
    assert_eq!(phase(&calls, key), Phase::Connecting { silent });
    assert_eq!(calls.next_due(), None);
    calls.on_sound(key);
    assert_eq!(
        phase(&calls, key),
        Phase::Active {
            since: 1_000.0,
            interrupted: false
        }
    );
    assert_eq!(calls.next_due(), None);
}

#[test]
fn where_the_browser_blocks_the_port_nothing_is_repaired() {
    let mut calls = Calls::default();
    let key = calls.dial(bob());
    calls.on_blocked(key, 10_080);
    assert_eq!(phase(&calls, key), Phase::Calling, "not answered yet");
    calls.on_answered(key, 1_000.0);
    calls.on_blocked(key, 10_080);
    let silent = Some(Silence::Blocked(10_080));
    assert_eq!(phase(&calls, key), Phase::Connecting { silent });
    assert_eq!(calls.next_due(), None);
    calls.on_sound(key);
    calls.on_blocked(key, 10_080);
    let active = Phase::Active {
        since: 1_000.0,
        interrupted: false,
    };
    assert_eq!(phase(&calls, key), active, "by a detour");
}

#[test]
fn sound_in_time_is_left_alone() {
    let mut calls = Calls::default();
    let key = talking(&mut calls, 0.0);
    assert_eq!(calls.next_due(), None);
    assert_eq!(calls.on_time(60_000.0), None);
    calls.on_repair(key, 61_000.0);
    assert_eq!(
        calls.next_due(),
        None,
        "repaired, and never said to be interrupted"
    );
}

#[test]
fn sound_that_stopped_is_repaired_at_once_and_again_until_it_is_back() {
    let mut calls = Calls::default();
    let key = calls.dial(bob());
    calls.on_answered(key, 0.0);
    calls.on_sound(key);
    calls.on_interrupted(key, 20_000.0);
    assert_eq!(calls.next_due(), Some(20_000.0));
    assert_eq!(calls.on_time(20_000.0), Some(key));
    assert_eq!(calls.on_time(20_000.0), None);
    // It could not be begun before now.
    calls.on_repair(key, 23_000.0);
    calls.on_interrupted(key, 24_000.0);
    assert_eq!(
        calls.next_due(),
        Some(38_000.0),
        "still the same interruption"
    );
    assert_eq!(calls.on_time(38_000.0), Some(key));
    assert_eq!(calls.on_time(53_000.0), Some(key));
    calls.on_sound(key);
    assert_eq!(calls.next_due(), None);
    calls.on_interrupted(key, 60_000.0);
    assert_eq!(calls.on_time(60_000.0), Some(key));
}

#[test]
fn of_two_whose_sound_stopped_the_caller_repairs_first() {
    let mut calls = Calls::default();
    let (made, taken) = (calls.dial(bob()), calls.ring(bob()));
    for key in [taken, made] {
        calls.on_answered(key, 0.0);
        calls.on_sound(key);
        calls.on_interrupted(key, 5_000.0);
    }
    assert_eq!(calls.on_time(5_000.0), Some(made));
    assert_eq!(calls.on_time(6_999.0), None);
    assert_eq!(calls.on_time(7_000.0), Some(taken));
    assert_eq!(calls.on_time(7_000.0), None);
}

#[test]
fn of_two_that_wait_for_sound_the_caller_repairs_first() {
    let mut calls = Calls::default();
    let (made, taken) = (calls.dial(bob()), calls.ring(bob()));
    calls.on_answered(taken, 0.0);
    calls.on_answered(made, 0.0);
    assert_eq!(calls.on_time(9_999.0), Some(made));
    assert_eq!(calls.on_time(9_999.0), None);
    assert_eq!(calls.on_time(10_000.0), Some(taken));
    assert_eq!(calls.on_time(10_000.0), None);
}

#[test]
fn who_hangs_up_without_sound_has_a_card_that_goes() {
    let mut calls = Calls::default();
    let key = calls.dial(bob());
    calls.on_answered(key, 0.0);
    assert_eq!(calls.on_time(8_000.0), Some(key));
    calls.on_ended(key, EndReason::HungUp, 9_000.0);
    assert_eq!(calls.next_due(), Some(14_000.0));
    assert_eq!(calls.on_time(14_000.0), None);
    assert_eq!(calls.iter().count(), 0);
}
