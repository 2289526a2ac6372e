//! Tones, made in the page.
//!
//! A cadence is one period of samples played in a loop: no timer that a hidden tab could slow
//! down, and one `stop()` ends it within a frame.

use leptos::task::spawn_local;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AudioBufferSourceNode, AudioContext, AudioContextState};

use crate::model::{self, Tone};

const RATE: u32 = 16_000;

/// The phone's own sounds.
#[derive(Default)]
pub(crate) struct Tones {
    context: Option<AudioContext>,
    playing: Option<(Tone, Option<AudioBufferSourceNode>)>,
}

impl Tones {
    /// Lets the page make sounds; works only within a tap or key press.
    pub(crate) fn unlock(&mut self) {
        if self.context.is_none() {
            self.context = AudioContext::new().ok();
        }
        self.resume();
    }

    /// Whether the browser holds sounds back until somebody taps.
    #[must_use]
    pub(crate) fn is_blocked(&self) -> bool {
        self.playing.is_some()
            && self
                .context
                .as_ref()
                .is_none_or(|it| it.state() != AudioContextState::Running)
    }

    /// Plays this and nothing else until told otherwise.
    pub(crate) fn play(&mut self, tone: Option<Tone>) {
        if self.playing.as_ref().map(|(tone, _)| *tone) == tone {
            return;
        }
        if let Some((_, Some(source))) = self.playing.take() {
            stop(&source);
        }
        self.playing = tone.map(|tone| (tone, self.start(&tone.samples(RATE), true)));
    }

    /// Sounds a key.
    pub(crate) fn key(&mut self, key: char) {
        if let Some(samples) = model::key_samples(key, RATE) {
            self.start(&samples, false);
        }
    }

    /// Says that a call is over.
    pub(crate) fn ended(&mut self) {
        self.start(&model::ended_samples(RATE), false);
    }

    /// Says that the other side is busy.
    pub(crate) fn busy(&mut self) {
        self.start(&model::busy_samples(RATE), false);
    }

    fn start(&mut self, samples: &[f32], again_and_again: bool) -> Option<AudioBufferSourceNode> {
        if self.context.is_none() {
            self.context = AudioContext::new().ok();
        }
        self.resume();
        let context = self.context.as_ref()?;
        #[allow(clippy::cast_precision_loss, reason = "a small constant")]
        let rate = RATE as f32;
        let length = u32::try_from(samples.len()).ok()?;
        let buffer = context.create_buffer(1, length, rate).ok()?;
        buffer.copy_to_channel(samples, 0).ok()?;
        let source = context.create_buffer_source().ok()?;
        source.set_buffer(Some(&buffer));
        source.set_loop(again_and_again);
        source
            .connect_with_audio_node(&context.destination())
            .ok()?;
        source.start().ok()?;
        Some(source)
    }

    fn resume(&self) {
        let Some(context) = &self.context else { return };
        if context.state() == AudioContextState::Running {
            return;
        }
        if let Ok(resumed) = context.resume() {
            // Without a tap the promise stays open; a tap later settles it.
            spawn_local(async move {
                let _ = JsFuture::from(resumed).await;
            });
        }
    }
}

#[allow(deprecated, reason = "the schedulable variant is on a parent type")]
fn stop(source: &AudioBufferSourceNode) {
    let _ = source.stop();
    let _ = source.disconnect();
}
