//! Who signs in: the account that is registered over the connection.

use leptos::prelude::Set;
use leptos::task::spawn_local;
use sidetone_api::About;
use sidetone_sip::auth::{Question, Secret};
use sidetone_sip::message::{Host, SipUri};
use sidetone_sip::{
    Account, AccountId, Address, ChallengeId, CredentialSource, Moment, RegistrationFailure,
    RegistrationState, Uri,
};

use super::engine::{Core, FLOW};
use super::socket::connect_early;
use crate::model::{Connection, Identity, service_name};
use crate::platform::vault;
use crate::server;
use crate::state::SignIn;

/// The lifetime asked of the registrar, in seconds.
const EXPIRES: u32 = 600;

impl Core {
    /// Asks the gateway what it says of itself, unless that is known or being asked.
    pub(crate) fn ask_about(&mut self) {
        if self.about.is_some() || self.asks_about {
            return;
        }
        self.asks_about = true;
        let Some(engine) = self.engine else { return };
        spawn_local(async move {
            let about = server::about().await;
            engine.run(|core, now| core.on_about(now, about));
        });
    }

    fn on_about(&mut self, now: Moment, about: Option<About>) {
        self.asks_about = false;
        self.about = about;
        self.shown.about.set(self.about.clone());
        if self.about.is_some() {
            self.add_account(now);
        } else if self.light.connection == Connection::Open && self.account.is_none() {
            self.lose(now, "The server does not say for whom it works.");
        }
    }

    /// This tab's instance id is here: register if that was waited for.
    pub(crate) fn on_instance(&mut self, now: Moment, instance: String) {
        self.instance = Some(instance);
        self.add_account(now);
    }

    /// Registers once the connection, the domain and this tab's instance id are there.
    pub(super) fn add_account(&mut self, now: Moment) {
        if self.account.is_some() || self.light.connection != Connection::Open {
            return;
        }
        let (Some(sign_in), Some(instance)) = (&self.sign_in, &self.instance) else {
            return;
        };
        let Some(identity) = self.identify(sign_in) else {
            self.ask_about();
            return;
        };
        let Some(host) = parse_host(&identity.domain) else {
            self.close(now);
            self.light.refused = Some(format!("“{}” is no domain.", identity.domain));
            return;
        };
        let user = SipUri::new(&identity.extension, host.clone());
        let mut contact = SipUri::new(
            &identity.extension,
            Host::Name(self.via_host.as_str().into()),
        );
        contact.params.set("transport", Some("ws"));
        let mut contact = Address::new(Uri::Sip(contact));
        contact
            .params
            .set("+sip.instance", Some(&format!("\"<{instance}>\"")));
        let account = Account {
            flow: FLOW,
            address_of_record: Address {
                display_name: identity.name.as_deref().map(Into::into),
                ..Address::new(Uri::Sip(user))
            },
            registrar: Uri::Sip(SipUri {
                user: None,
                ..SipUri::new("", host)
            }),
            auth_user: None,
            credentials: match &sign_in.password {
                Some(password) => Secret::new(password.as_str()).into(),
                None => CredentialSource::Application,
            },
            contact,
            expires: EXPIRES,
        };
        self.account = self.command(|agent| agent.add_account(now, account)).ok();
    }

    /// Who signs in, as far as that can be known before the registrar says yes.
    fn identify(&self, sign_in: &SignIn) -> Option<Identity> {
        let typed = sign_in.extension.trim();
        let (extension, domain) = match typed.split_once('@') {
            Some((extension, domain)) => (extension, domain.to_owned()),
            None => (typed, self.about.as_ref()?.domain.clone()),
        };
        Some(Identity {
            extension: extension.to_owned(),
            name: sign_in
                .name
                .clone()
                .or_else(|| self.name_of(extension, &domain)),
            domain,
        })
    }

    /// Whose number that is, as far as the gateway has said it of its own domain.
    pub(super) fn name_of(&self, number: &str, domain: &str) -> Option<String> {
        let about = self.about.as_ref().filter(|about| about.domain == domain)?;
        let mut people = about.demo.as_ref()?.iter();
        let person = people.find(|person| person.number == number);
        let name = person.map(|person| person.name.as_str());
        name.or_else(|| service_name(number)).map(str::to_owned)
    }

    /// The gateway keeps the password, and answers in its place.
    pub(super) fn on_challenge(&mut self, challenge: ChallengeId, question: Box<Question>) {
        let (Some(sign_in), Some(engine)) = (&self.sign_in, self.engine) else {
            return;
        };
        let address = sign_in.extension.clone();
        spawn_local(async move {
            let response = server::response(&address, &question).await;
            engine.run(|core, now| {
                // Nobody may wait for it any more.
                let _ = core.command(|agent| agent.answer_challenge(now, challenge, response));
            });
        });
    }

    pub(super) fn on_registration(
        &mut self,
        now: Moment,
        account: AccountId,
        state: RegistrationState,
    ) {
        if self.account != Some(account) {
            return;
        }
        let mut was_away = false;
        match &state {
            RegistrationState::Registered { .. } => {
                was_away = self.light.trouble.take().is_some();
                self.backoff.reset();
                if was_away || self.identity.is_none() {
                    self.ask_for_ice();
                }
                if self.identity.is_none() {
                    self.on_signed_in();
                }
            }
            RegistrationState::Failed {
                cause: RegistrationFailure::WrongCredentials,
                ..
            } => {
                self.close(now);
                self.identity = None;
                connect_early(None);
                self.light.refused = Some(
                    "The server does not know this extension with this password. Check both."
                        .into(),
                );
                return;
            }
            RegistrationState::Unregistered => return self.finish_leaving(now),
            _ => {}
        }
        // While one attempt is repeated, the light goes on saying why the last one failed.
        let repeats = state == RegistrationState::Registering && self.light.registration.is_some();
        if !repeats {
            self.light.registration = Some(state);
        }
        if was_away {
            self.mend_sound(now);
        }
        if self.light.registered() {
            (self.on_ready)();
        }
    }

    /// A connection made ahead is of use only if it knows the servers that help.
    fn ask_for_ice(&self) {
        let Some(engine) = self.engine else { return };
        spawn_local(async move {
            server::ice().await;
            engine.run(|core, _| core.on_ice());
        });
    }

    fn on_ice(&mut self) {
        if self.identity.is_some() {
            self.prepare_spare();
        }
    }

    fn on_signed_in(&mut self) {
        let Some(sign_in) = self.sign_in.clone() else {
            return;
        };
        self.identity = self.identify(&sign_in);
        connect_early(self.server().filter(|_| sign_in.remember).as_deref());
        self.look_for_devices();
        spawn_local(async move {
            if sign_in.remember {
                vault::keep(&sign_in).await
            } else {
                vault::forget().await
            }
        });
    }
}

/// A domain as it is typed or told.
pub(super) fn parse_host(domain: &str) -> Option<Host> {
    let uri = Uri::parse(&format!("sip:{domain}")).ok()?;
    uri.as_sip()
        .filter(|uri| uri.user.is_none())
        .map(|uri| uri.host.clone())
}
