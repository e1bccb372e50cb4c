//! Deliveries that were given up are shown, not lost.

use patchrelay_ports::{Delivery, Source, Store};
use serde_json::json;

use super::world::{NOW, World};

#[tokio::test]
async fn deliveries_that_were_given_up_are_shown() {
    let world = World::new().await;
    assert_eq!(world.get("/api/inbox").await.json(), json!({ "dead": 0, "deliveries": [] }));
    for id in ["d1", "d2", "d3"] {
        let delivery = Delivery {
            source: Source::Github,
            delivery_id: id.to_owned(),
            event: "pull_request".to_owned(),
            body: id.as_bytes().to_owned(),
            received: NOW,
        };
        world.store.receive(&delivery).await.unwrap();
    }
    for row in &world.inbox().await[..2] {
        world.store.inbox_failed(row.id, None, "the number is no number").await.unwrap();
    }
    let answer = world.get("/api/inbox?limit=1").await;
    let expected = json!({
        "dead": 2,
        "deliveries": [{
            "id": 2,
            "source": "github",
            "delivery_id": "d2",
            "event": "pull_request",
            "received_at": "2026-01-02T03:04:05.000Z",
            "attempts": 1,
            "error": "the number is no number",
        }],
    });
    assert_eq!(answer.json(), expected);
}
