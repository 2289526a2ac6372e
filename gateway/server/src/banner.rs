//! What `sidetone serve` says when it is up.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use crate::config::{Config, Tls};

pub use crate::tls::own_addresses;

/// Where the gateway is reached and what to try, for the person who started it. `addresses` are
/// those of this machine.
#[must_use]
pub fn banner(config: &Config, listening: SocketAddr, addresses: &[IpAddr]) -> String {
    let mut text = format!("Sidetone {} is up:\n\n", env!("CARGO_PKG_VERSION"));
    for url in urls(config, listening, addresses) {
        line(&mut text, &format!("  {url}"));
    }
    if config.tls == Tls::Off && !listening.ip().is_loopback() {
        line(
            &mut text,
            &format!(
                "\nOther machines need HTTPS, or their browsers keep the microphone shut. \
                 Start it so:\n\n  sidetone serve --listen {listening} --tls self-signed"
            ),
        );
    }
    if config.tls == Tls::SelfSigned {
        line(
            &mut text,
            "\nThe certificate is the gateway's own: the browser warns once; accept it.",
        );
    }
    let switch = &config.switch;
    if switch.demo {
        line(
            &mut text,
            "\nSign in with one of these, and with another in a second tab:\n",
        );
        for extension in &switch.extensions {
            let (number, name) = (&extension.number, &extension.name);
            let password = extension.secret.reveal();
            line(
                &mut text,
                &format!("  {number}  {name:<6} password {password}"),
            );
        }
        if let Some(person) = config.people.first() {
            let name = &person.name;
            line(
                &mut text,
                &format!("\nOr by name: {name}, password {name}-demo, and the others alike."),
            );
        }
        line(
            &mut text,
            "\nThen call 600, an echo, or 601, an announcement.",
        );
    } else if switch.extensions.is_empty() && config.upstreams.is_empty() {
        line(
            &mut text,
            "\nNobody can sign in yet: add an [[extension]] to the configuration, \
             or start with --demo.",
        );
    }
    line(&mut text, "\nCtrl-C stops it.");
    text
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").unwrap_or_default();
}

fn urls(config: &Config, listening: SocketAddr, addresses: &[IpAddr]) -> Vec<String> {
    let scheme = if config.tls == Tls::Off {
        "http"
    } else {
        "https"
    };
    let port = listening.port();
    let localhost = format!("{scheme}://localhost:{port}");
    let ip = listening.ip();
    if ip.is_loopback() {
        return vec![localhost];
    }
    let reached = |ip: &IpAddr| ip.is_ipv4() || listening.is_ipv6();
    let own: Vec<IpAddr> = if ip.is_unspecified() {
        addresses.iter().copied().filter(reached).collect()
    } else {
        vec![ip]
    };
    let others = own
        .into_iter()
        .map(|ip| format!("{scheme}://{}", SocketAddr::new(ip, port)));
    let here = ip.is_unspecified().then_some(localhost);
    here.into_iter().chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Switch;

    fn told(listen: &str, tls: Tls, switch: Option<Switch>) -> String {
        let mut config = Config {
            tls,
            ..Config::default()
        };
        if let Some(switch) = switch {
            config.switch = switch;
        }
        let addresses = ["192.0.2.7".parse().unwrap(), "2001:db8::7".parse().unwrap()];
        banner(&config, listen.parse().unwrap(), &addresses)
    }

    #[test]
    fn the_demo_names_its_accounts() {
        let text = told("127.0.0.1:8080", Tls::Off, Some(Switch::demo()));
        assert!(text.contains("  http://localhost:8080\n"));
        assert!(text.contains("  101  Alice  password demo-101\n"));
        assert!(text.contains("  105  Admin  password demo-105\n"));
        assert!(!text.contains("HTTPS"));
        assert!(!text.contains("192.0.2.7"));
    }

    #[test]
    fn other_machines_need_https() {
        let text = told("0.0.0.0:8080", Tls::Off, None);
        assert!(text.contains("sidetone serve --listen 0.0.0.0:8080 --tls self-signed"));
        assert!(text.contains("  http://192.0.2.7:8080\n"));
        assert!(!text.contains("2001:db8"));
        assert!(text.contains("Nobody can sign in yet"));
        let text = told("[::]:8443", Tls::SelfSigned, None);
        assert!(!text.contains("--tls self-signed"));
        assert!(text.contains("  https://[2001:db8::7]:8443\n"));
        assert!(text.contains("the browser warns once"));
    }
}
