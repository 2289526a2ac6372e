//! The parts of a view that change.
//!
//! Each closure in a view has a type of its own, and with it comes a copy of all the code that
//! runs it again. Boxed, those that make the same kind of thing share one copy: the download is a
//! good deal smaller for it.

use leptos::ev::MouseEvent;
use leptos::prelude::*;

use crate::model::{Call, CallKey};

/// Something in a view that follows the signals it reads.
pub type Live<T> = Box<dyn Fn() -> T + Send>;

/// Follows the signals that `make` reads.
pub fn live<T>(make: impl Fn() -> T + Send + 'static) -> Live<T> {
    Box::new(make)
}

/// Shows what `make` makes while `when` holds.
pub fn shown<V: IntoAny>(
    when: impl Fn() -> bool + Send + Sync + 'static,
    make: impl Fn() -> V + Send + 'static,
) -> Live<Option<AnyView>> {
    shown_boxed(Box::new(when), Box::new(move || make().into_any()))
}

fn shown_boxed(
    when: Box<dyn Fn() -> bool + Send + Sync>,
    make: Live<AnyView>,
) -> Live<Option<AnyView>> {
    let when = Memo::new(move |_| when());
    Box::new(move || when.get().then(&make))
}

/// One view for each call, kept as long as the call is among `calls`.
pub fn each_call(
    calls: impl Fn() -> Vec<Call> + Send + Sync + 'static,
    view: fn(Call) -> AnyView,
) -> impl IntoView {
    let calls: Box<dyn Fn() -> Vec<Call> + Send + Sync> = Box::new(calls);
    let key: fn(&Call) -> CallKey = |call| call.key;
    view! { <For each=calls key children=view/> }
}

/// What a tap on a control does.
pub fn tap(mut act: impl FnMut() + Send + 'static) -> Box<dyn FnMut(MouseEvent) + Send> {
    Box::new(move |_| act())
}
