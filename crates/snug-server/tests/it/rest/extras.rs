//! What messages carry beside their words: mentions, answers, cards and places.

use serde_json::{Value, json};

use crate::harness::{Page, TestApp};

async fn newest(page: &Page, room: &str) -> Value {
    let history = page.get(&format!("rooms/{room}/messages?limit=1")).await.is(200);
    history["messages"][0].clone()
}

pub(super) async fn by_pages(app: &TestApp) {
    let room = app.group(&["x-ann", "x-bob"]).await;
    let (ann, bob) = (app.page("x-ann").await, app.page("x-bob").await);
    let path = format!("rooms/{room}/messages");

    // Whom it mentions, each once; also who is a number, and who is not here.
    let mentions = json!({"users": ["x-bob", 7, "x-bob"], "roles": ["owner"], "everyone": true});
    let send = json!({"id": "x1", "text": "@bob hi", "mentions": mentions});
    let sent = ann.call("POST", &path, send.clone()).await.is(201);
    let kept = json!({"users": ["x-bob", "7"], "roles": ["owner"], "everyone": true});
    assert_eq!(sent["mentions"], kept);
    assert_eq!(newest(&bob, &room).await["mentions"], kept);
    assert_eq!(ann.call("POST", &path, send).await.is(200), sent, "a repeat is answered alike");
    let other = json!({"id": "x1", "text": "@bob hi"});
    ann.call("POST", &path, other).await.refused(409, "message_id_conflict");

    // An answer: to a message that is there and that one sees.
    let answer = json!({"id": "x2", "text": "yes", "reply_to": "x1"});
    let answer = bob.call("POST", &path, answer).await.is(201);
    assert_eq!(answer["reply_to"], json!({"id": "x1", "seq": sent["seq"]}));
    let nowhere = json!({"text": "yes", "reply_to": "none"});
    bob.call("POST", &path, nowhere).await.refused_at(422, "invalid_field", "reply_to");
    let one = format!("{path}/x1");
    assert_eq!(bob.get(&one).await.is(200), sent, "what is answered is asked for by its id");

    // An edit of the words keeps the mentions, one of the mentions keeps the words.
    let edited = ann.call("PATCH", &one, json!({"text": "@bob hello"})).await.is(200);
    assert_eq!(edited["mentions"], kept);
    let fewer = json!({"mentions": {"users": ["x-ann"]}});
    let edited = ann.call("PATCH", &one, fewer.clone()).await.is(200);
    assert_eq!((&edited["mentions"], &edited["text"]), (&fewer["mentions"], &json!("@bob hello")));
    assert_eq!(ann.call("PATCH", &one, fewer).await.is(200), edited, "again is the same");
    let edited = ann.call("PATCH", &one, json!({"mentions": null})).await.is(200);
    assert!(edited.get("mentions").is_none(), "{edited}");
    ann.call("DELETE", &one, Value::Null).await.is(200);
    assert_eq!(newest(&bob, &room).await, answer, "an answer stays one");
    // Who answers may have been away when it was unsent.
    let late = json!({"text": "yes", "reply_to": "x1"});
    let late = bob.call("POST", &path, late).await.is(201);
    assert_eq!(late["reply_to"], answer["reply_to"]);
    cards(&ann, &bob, &room).await;
    refused(&ann, &path).await;
    in_a_large_room(app).await;
}

async fn cards(ann: &Page, bob: &Page, room: &str) {
    let path = format!("rooms/{room}/messages");
    let card = json!({
        "title": "Bicycle <b>", "text": "90 €\nred", "url": "https://shop.example/1",
        "image": {"url": "https://shop.example/1.png", "alt": "a bicycle"},
        "actions": [
            {"id": "buy", "label": "Buy"},
            {"id": "more", "label": "More", "url": "http://shop.example/2"},
        ],
    });
    // Its kind says itself, and its words are for who cannot show it.
    let message = &ann.call("POST", &path, json!({"id": "c1", "card": card})).await.is(201);
    assert_eq!((&message["kind"], &message["text"]), (&json!("card"), &json!("Bicycle <b>")));
    assert_eq!(message["card"], card);
    assert_eq!(newest(bob, room).await, *message);
    let row = bob.get(&format!("rooms/{room}")).await.is(200);
    assert_eq!(
        (&row["preview"]["kind"], &row["preview"]["text"]),
        (&json!("card"), &message["text"])
    );
    let sold = json!({"card": {"text": "sold"}, "text": "Sold!"});
    let edited = ann.call("PATCH", &format!("{path}/c1"), sold).await.is(200);
    assert_eq!((&edited["card"], &edited["text"]), (&json!({"text": "sold"}), &json!("Sold!")));

    // Words of the sender's own stay when the card changes; those made of it follow it.
    let next = json!({"card": {"text": "sold out"}});
    let edited = ann.call("PATCH", &format!("{path}/c1"), next.clone()).await.is(200);
    assert_eq!(edited["text"], "Sold!");
    ann.call("PATCH", &format!("{path}/c1"), json!({"text": "sold out"})).await.is(200);
    let edited = ann.call("PATCH", &format!("{path}/c1"), json!({"card": {"text": "no"}})).await;
    assert_eq!(edited.is(200)["text"], "no");
    in_two_hands(ann, &path).await;

    let place = json!({"lat": 25.0339639, "lng": 121.5644722});
    let message = &ann.call("POST", &path, json!({"id": "p1", "location": place})).await.is(201);
    assert_eq!((&message["kind"], &message["location"]), (&json!("location"), &place));
    assert_eq!(message["text"], "25.0339639, 121.5644722");
    let gone = ann.call("DELETE", &format!("{path}/p1"), Value::Null).await.is(200);
    assert!(gone.get("location").is_none() && gone.get("text").is_none(), "{gone}");
    let not_a_card = json!({"card": {"text": "x"}});
    bob.call("POST", &path, json!({"id": "t1", "text": "plain"})).await.is(201);
    let edit = bob.call("PATCH", &format!("{path}/t1"), not_a_card).await;
    edit.refused_at(422, "invalid_field", "card");
}

/// Two who change different things of one message at once: both hold.
async fn in_two_hands(ann: &Page, path: &str) {
    let card = json!({"id": "c2", "card": {"title": "0"}, "mentions": {"users": ["0"]}});
    ann.call("POST", path, card).await.is(201);
    let one = format!("{path}/c2");
    for n in 1..=20 {
        let title = json!({"card": {"title": n.to_string()}});
        let called = json!({"mentions": {"users": [n.to_string()]}});
        let (title, called) =
            tokio::join!(ann.call("PATCH", &one, title), ann.call("PATCH", &one, called));
        title.is(200);
        called.is(200);
        let now = ann.get(&one).await.is(200);
        assert_eq!(now["card"]["title"], n.to_string());
        assert_eq!(now["mentions"]["users"], json!([n.to_string()]), "{now}");
    }
}

async fn refused(ann: &Page, path: &str) {
    let many: Vec<String> = (0..51).map(|n| format!("u{n}")).collect();
    let action = |id: &str, url: &str| json!({"id": id, "label": "x", "url": url});
    let card = |actions: Value| json!({"card": {"title": "x", "actions": actions}});
    let buttons: Vec<Value> = (0..11).map(|n| action(&n.to_string(), "https://x")).collect();
    for (body, status, code, field) in [
        (json!({"text": "x", "mentions": {"users": many}}), 413, "too_large", "mentions.users"),
        (
            json!({"text": "x", "mentions": {"users": [""]}}),
            422,
            "invalid_field",
            "mentions.users[0]",
        ),
        (
            json!({"text": "x", "mentions": {"roles": ["boss"]}}),
            422,
            "invalid_field",
            "mentions.roles",
        ),
        (json!({"text": "x", "mentions": "all"}), 422, "invalid_field", "mentions"),
        (json!({"text": "x", "mentions": [["x-bob"]]}), 422, "invalid_field", "mentions"),
        (
            json!({"text": "x", "card": {"title": "x"}, "kind": "text"}),
            422,
            "invalid_field",
            "card",
        ),
        (json!({"kind": "card", "text": "x"}), 422, "missing_field", "card"),
        (json!({"kind": "location"}), 422, "missing_field", "location"),
        (json!({"card": {}}), 422, "missing_field", "card.title"),
        (json!({"card": {"title": "x\ny"}}), 422, "invalid_field", "card.title"),
        (json!({"card": {"text": "x".repeat(4_097)}}), 413, "too_large", "card.text"),
        (
            json!({"card": {"title": "x", "url": "javascript:alert(1)"}}),
            422,
            "invalid_field",
            "card.url",
        ),
        (
            json!({"card": {"title": "x", "image": {"url": "data:,x"}}}),
            422,
            "invalid_field",
            "card.image.url",
        ),
        (
            card(json!([action("a", "https://x"), action("a", "https://x")])),
            422,
            "invalid_field",
            "card.actions[1].id",
        ),
        (card(json!([action("a", "//x")])), 422, "invalid_field", "card.actions[0].url"),
        (card(json!([{"id": "a", "label": ""}])), 422, "missing_field", "card.actions[0].label"),
        (card(json!(buttons)), 413, "too_large", "card.actions"),
        (json!({"location": {"lat": 91, "lng": 0}}), 422, "invalid_field", "location.lat"),
        (json!({"location": {"lat": 0, "lng": -180.1}}), 422, "invalid_field", "location.lng"),
        (json!({"location": {"lat": 0}}), 422, "missing_field", "location.lng"),
        (
            json!({"location": {"lat": 0, "lng": 0, "name": ""}}),
            422,
            "invalid_field",
            "location.name",
        ),
    ] {
        ann.call("POST", path, body).await.refused_at(status, code, field);
    }
}

/// Above a hundred members only admins speak to all at once; naming people stays free.
async fn in_a_large_room(app: &TestApp) {
    let crowd: Vec<String> = (0..101).map(|n| format!("x-many-{n}")).collect();
    let members: Vec<&str> = crowd.iter().map(String::as_str).collect();
    let room = app.group(&members).await;
    let (path, one) = (format!("rooms/{room}/messages"), app.page(members[7]).await);
    let wide = |what: Value| json!({"id": "w", "text": "hear", "mentions": what});
    for what in [json!({"everyone": true}), json!({"roles": ["member"]})] {
        one.call("POST", &path, wide(what)).await.refused(403, "role_too_low");
    }
    let named = one.call("POST", &path, wide(json!({"users": [members[1]]}))).await.is(201);
    let id = named["id"].as_str().expect("an id").to_owned();
    let wider = json!({"mentions": {"everyone": true}});
    one.call("PATCH", &format!("{path}/{id}"), wider).await.refused(403, "role_too_low");
    let admin = json!({"users": ["x-chief"], "role": "admin", "announce": false});
    app.backend("POST", &format!("rooms/{room}/members"), admin).await.is(200);
    let all = json!({"text": "hear", "mentions": {"everyone": true}});
    app.page("x-chief").await.call("POST", &path, all).await.is(201);
}

pub(super) async fn by_backend(app: &TestApp) {
    let room = app.group(&["y-ann", "y-bob"]).await;
    let path = format!("rooms/{room}/messages");
    let card = json!({"id": "s1", "card": {"title": "Order 7"}, "sender": "y-ann"});
    app.backend("POST", &path, card).await.is(201);
    // The room itself may carry a card, and answer.
    let system = json!({
        "kind": "system", "text": "paid", "reply_to": "s1", "mentions": {"everyone": true},
    });
    let said = app.backend("POST", &path, system).await.is(201);
    assert_eq!((&said["reply_to"]["id"], &said["kind"]), (&json!("s1"), &json!("system")));
    let read = app.backend("GET", &format!("{path}/s1"), Value::Null).await.is(200);
    assert_eq!(read["card"]["title"], "Order 7");
    // A new room has nothing to answer, but may begin with a card.
    let create = |message: Value| json!({"kind": "direct", "user": "y-bob", "context": message["id"], "message": message});
    let ann = app.page("y-ann").await;
    let answer = create(json!({"id": "d1", "text": "x", "reply_to": "s1"}));
    let refused = ann.call("POST", "rooms", answer).await;
    refused.refused_at(422, "invalid_field", "message.reply_to");
    let begun = create(json!({"id": "d2", "card": {"title": "Hello"}}));
    let begun = ann.call("POST", "rooms", begun).await.is(201);
    assert_eq!(begun["preview"]["text"], "Hello", "{begun}");
}
