use super::*;

#[tokio::test]
async fn a_service_that_goes_astray_ends_its_call() {
    let (reporter, mut reports) = mpsc::unbounded_channel();
    let (call, offers) = ServiceCall::new(CallKey(7), reporter);
    offers.try_send("offer".to_owned()).unwrap();
    let stray = tokio::spawn(async move {
        let mut call = call;
        assert_eq!(call.next_offer().await.as_deref(), Some("offer"));
        call.media_failed();
        // As good as a panic, without its noise.
        std::future::pending::<()>().await;
    });
    tokio::task::yield_now().await;
    stray.abort();
    let over = ServiceEvent::Over(Farewell::MediaFailed);
    assert_eq!(reports.recv().await, Some((CallKey(7), over)));
    assert_eq!(reports.recv().await, None);
}
