//! A customer's backend on this machine: answers what the test says and keeps what it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

type Answers = dyn Fn(&str, &Value) -> (u16, String) + Send + Sync;

#[derive(Clone)]
struct Desk {
    answers: Arc<Answers>,
    asked: Arc<Mutex<Vec<Value>>>,
}

/// A running backend; ends when dropped.
pub(crate) struct Customer {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Value>>>,
    _serving: AbortOnDropHandle<()>,
}

impl Customer {
    /// Answers by path and JSON body.
    pub(crate) async fn start(
        answers: impl Fn(&str, &Value) -> (u16, String) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked: Arc<Mutex<Vec<Value>>> = Arc::default();
        let desk = Desk { answers: Arc::new(answers), asked: asked.clone() };
        let router = Router::new().fallback(answer).with_state(desk);
        let serving = tokio_util::task::TaskTracker::new().spawn(async move {
            axum::serve(listener, router).await.expect("it serves");
        });
        Self { address, asked, _serving: AbortOnDropHandle::new(serving) }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Every body so far, in order; `null` where there was none.
    pub(crate) fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn answer(State(desk): State<Desk>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.expect("a body");
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let (status, text) = (desk.answers)(&path, &body);
    desk.asked.lock().unwrap_or_else(PoisonError::into_inner).push(body);
    (StatusCode::from_u16(status).expect("a status"), text).into_response()
}
