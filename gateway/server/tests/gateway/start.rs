use std::net::UdpSocket;

use sidetone::{Gateway, StartError};
use tokio::net::TcpListener;

use crate::support::{Running, demo};

async fn refused(config: sidetone::Config) -> (StartError, String) {
    match Gateway::start(config).await {
        Ok(_) => panic!("it started"),
        Err(error) => {
            let words = error.to_string();
            (error, words)
        }
    }
}

#[tokio::test]
async fn a_taken_port_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = demo(&dir);
    config.listen = taken.local_addr().unwrap();
    let (error, words) = refused(config).await;
    assert!(matches!(error, StartError::Listen { .. }), "{words}");
    assert!(
        words.contains("running already? Name another port with --listen"),
        "{words}"
    );
}

#[tokio::test]
async fn a_taken_media_port_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut config = demo(&dir);
    config.media.listen = Some(taken.local_addr().unwrap());
    let (error, words) = refused(config).await;
    assert!(matches!(error, StartError::Media { .. }), "{words}");
    assert!(words.contains("`media.listen`"), "{words}");
}

#[tokio::test]
async fn a_data_folder_that_is_none_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = demo(&dir);
    std::fs::write(&config.data, "").unwrap();
    config.data = config.data.join("below");
    let (error, words) = refused(config).await;
    assert!(matches!(error, StartError::Store(_)), "{words}");
    assert!(words.contains("--data"), "{words}");
}

#[tokio::test]
async fn it_starts_again_with_the_same_data() {
    let Running { gateway, dir } = Running::start(|_| {}).await;
    gateway.shutdown().await;
    let again = Gateway::start(demo(&dir)).await.unwrap();
    again.shutdown().await;
}
