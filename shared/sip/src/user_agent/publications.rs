//! Publications of ours (RFC 3903 §4).

use super::{CommandError, UserAgent};
use crate::Moment;
use crate::endpoint::Endpoint;
use crate::endpoint::config::Body;
use crate::publication::{Publication, PublicationId, Publish, Publisher};
use crate::transaction::FlowId;

type Command = Result<(), CommandError>;

impl UserAgent {
    /// Publishes: now if the flow is up, else when it comes up. It is refreshed and, where that
    /// may help, made again until [`UserAgent::unpublish`]; how it fares comes by
    /// [`crate::Event::Publication`].
    ///
    /// # Errors
    /// [`CommandError::Gone`] if the account is, [`CommandError::WrongState`] for an expiry of 0.
    pub fn publish(&mut self, now: Moment, wish: Publish) -> Result<PublicationId, CommandError> {
        self.enter(now)?;
        if wish.expires == 0 {
            return Err(CommandError::WrongState);
        }
        let speaker = self.endpoint.speaker(wish.origin.clone())?;
        let id = PublicationId(self.next_id());
        let publication = Publication::new(&mut self.endpoint, id, speaker, wish);
        self.publications.insert(id, Box::new(publication));
        self.with_publication(id, |p, e| p.publish(e));
        self.leave();
        Ok(id)
    }

    /// Publishes another state in place of the one published so far. Of several that are given
    /// while a PUBLISH is on its way the last counts.
    ///
    /// # Errors
    /// [`CommandError::Gone`].
    pub fn modify_publication(
        &mut self,
        now: Moment,
        publication: PublicationId,
        body: Body,
    ) -> Command {
        self.publication_command(now, publication, |p, e| p.modify(e, body))
    }

    /// Takes a publication back; it is [`crate::PublicationEvent::Ended`] at once.
    ///
    /// # Errors
    /// [`CommandError::Gone`].
    pub fn unpublish(&mut self, now: Moment, publication: PublicationId) -> Command {
        self.publication_command(now, publication, |p, e| p.end(e))
    }

    fn publication_command(
        &mut self,
        now: Moment,
        id: PublicationId,
        f: impl FnOnce(&mut dyn Publisher, &mut Endpoint),
    ) -> Command {
        self.enter(now)?;
        let publication = self.publications.get(&id);
        publication
            .filter(|publication| !publication.is_leaving())
            .ok_or(CommandError::Gone)?;
        self.with_publication(id, f);
        self.leave();
        Ok(())
    }

    pub(super) fn publications_on(&self, flow: FlowId) -> Vec<PublicationId> {
        let on_flow = self.publications.iter().filter(|(_, p)| p.flow() == flow);
        on_flow.map(|(id, _)| *id).collect()
    }

    pub(super) fn with_publication(
        &mut self,
        id: PublicationId,
        f: impl FnOnce(&mut dyn Publisher, &mut Endpoint),
    ) {
        let Some(publication) = self.publications.get_mut(&id) else {
            return;
        };
        f(publication.as_mut(), &mut self.endpoint);
        if publication.is_over() {
            self.publications.remove(&id);
        }
    }
}
