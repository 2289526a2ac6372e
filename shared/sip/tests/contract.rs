//! The contract between an agent and its driver.

use sidetone_sip::message::Transport;
use sidetone_sip::{
    CommandError, Config, ContractError, FlowId, Input, Moment, Output, SeededTokens, UserAgent,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const FLOW: FlowId = FlowId(1);

fn agent() -> UserAgent {
    UserAgent::new(
        Config::new("test", "test.invalid"),
        Box::new(SeededTokens::new(1)),
    )
}

const fn at(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

#[test]
fn outputs_are_drained_before_the_next_input_or_command() {
    let mut agent = agent();
    let up = || Input::TransportUp {
        flow: FLOW,
        transport: Transport::Wss,
    };
    agent.handle_input(at(5), up()).unwrap();
    let pending = ContractError::OutputPending;
    assert_eq!(agent.handle_input(at(5), Input::TimerFired), Err(pending));
    assert_eq!(
        agent.probe_flow(at(5), FLOW),
        Err(CommandError::Contract(pending))
    );
    assert_eq!(agent.poll_output(), Output::Timeout(Some(at(25_005))));

    agent.probe_flow(at(6), FLOW).unwrap();
    assert!(matches!(agent.poll_output(), Output::Transmit { .. }));
    assert_eq!(agent.handle_input(at(6), Input::TimerFired), Err(pending));
    assert_eq!(agent.poll_output(), Output::Timeout(Some(at(10_006))));
    agent.handle_input(at(6), Input::TimerFired).unwrap();
    assert_eq!(agent.poll_output(), Output::Timeout(Some(at(10_006))));
}

#[test]
fn a_command_that_fails_leaves_nothing_to_drain() {
    let mut agent = agent();
    assert_eq!(agent.probe_flow(at(1), FLOW), Err(CommandError::NoFlow));
    assert_eq!(agent.probe_flow(at(1), FLOW), Err(CommandError::NoFlow));
    assert_eq!(agent.poll_output(), Output::Timeout(None));
}

#[test]
fn time_does_not_run_backwards() {
    let mut agent = agent();
    agent.handle_input(at(10), Input::TimerFired).unwrap();
    assert_eq!(agent.poll_output(), Output::Timeout(None));
    let backwards = ContractError::TimeRanBackwards;
    assert_eq!(agent.handle_input(at(9), Input::TimerFired), Err(backwards));
    assert_eq!(
        agent.probe_flow(at(9), FLOW),
        Err(CommandError::Contract(backwards))
    );
    agent.handle_input(at(10), Input::TimerFired).unwrap();
    assert_eq!(agent.poll_output(), Output::Timeout(None));
}

#[test]
fn equal_inputs_give_equal_outputs() {
    let run = || {
        let mut agent = agent();
        let mut outputs = Vec::new();
        let up = Input::TransportUp {
            flow: FLOW,
            transport: Transport::Wss,
        };
        for (millis, input) in [
            (0, up),
            (25_000, Input::TimerFired),
            (60_000, Input::TimerFired),
        ] {
            agent.handle_input(at(millis), input).unwrap();
            loop {
                let output = agent.poll_output();
                outputs.push(output.clone());
                if let Output::Timeout(_) = output {
                    break;
                }
            }
        }
        outputs
    };
    assert_eq!(run(), run());
    assert_eq!(run().len(), 5);
}
