//! The top of a card: with whom, which way, and where the call stands.

use leptos::prelude::*;

use super::{
    avatar::Avatar,
    call_state::CallState,
    icons::{self, icon},
    live::live,
    words,
};
use crate::model::{Call, Direction};

/// Avatar, name and number on the left, state on the right.
#[component]
pub fn CardHead(call: Memo<Call>) -> impl IntoView {
    let peer = Memo::new(move |_| call.with(|call| call.peer.clone()));
    let (direction, way) = call.with_untracked(|call| match call.direction {
        Direction::Outgoing => (icon(icons::OUTGOING), "Outgoing"),
        Direction::Incoming => (icon(icons::INCOMING), "Incoming"),
    });
    let number = move || {
        peer.with(|peer| {
            let is_title = words::called(peer) == peer.number;
            if is_title {
                way.to_owned()
            } else {
                peer.number.clone()
            }
        })
    };
    view! {
        <div class="card-head">
            <Avatar peer/>
            <div class="card-who">
                <h3 dir="auto">{live(move || peer.with(|peer| words::called(peer).to_owned()))}</h3>
                <p class="card-number">{direction} <span dir="auto">{live(number)}</span></p>
            </div>
            <CallState call/>
        </div>
    }
}
