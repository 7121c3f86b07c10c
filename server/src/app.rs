//! From a request to its answer.
//!
//! ```text
//!   request ─► middleware ─► full? ─► embedder's routes ─► our routes ─► reply
//!                  │           │                                           │
//!                  └─ answer ──┴─ shed ────────────────────────────────────┴─► settle ─► response or stream
//! ```
//! `settle` puts on every answer what every answer carries, and is where streams are let in or turned away. One that the hub
//! has no channel for is turned away later, by `refuse_stream`.

use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, ALLOW, HeaderValue, LOCATION, USER_AGENT};
use http::{HeaderMap, Method, Response, StatusCode};
use sse_core::http::{Path, requested_filter, shortened, stream_headers};
use sse_core::{Filter, Hub, SubscribeError};
use sse_net::{Excess, Handle, StreamReply};

use crate::agents::Agents;
use crate::batches::Batches;
use crate::connection_log::ConnectionLog;
use crate::cors::{self, Cors};
use crate::guard::{Asker, Guard};
use crate::limits::{Networks, Permit};
use crate::middleware::{self, Middleware};
use crate::page::Page;
use crate::problem::Problem;
use crate::proxy::TrustedProxies;
use crate::reply::{Answer, Reply};
use crate::request::Request;
use crate::router::{Route, Router};
use crate::routes::{Methods, Routes};
use crate::session::Session;
use crate::shed::{Shed, Shedder};
use crate::slow_consumers::SlowConsumers;
use crate::status::StatusBoard;
use crate::{health, publish, shed};

/// Methods that are known everywhere (RFC 9110 §9.3, RFC 5789), so that a path without them says which it has. `CONNECT`
/// never comes this far.
const STANDARD_METHODS: [Method; 8] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
    Method::TRACE,
];

/// Everything that answers, shared by all event loops.
pub(crate) struct App {
    pub(crate) hub: Hub,
    pub(crate) router: Router,
    pub(crate) cors: Cors,
    pub(crate) guard: Guard,
    pub(crate) proxies: TrustedProxies,
    pub(crate) networks: Networks,
    pub(crate) agents: Agents,
    pub(crate) connection_log: ConnectionLog,
    pub(crate) middleware: Vec<Middleware>,
    pub(crate) routes: Routes,
    pub(crate) shedder: Arc<Shedder>,
    pub(crate) slow_consumers: SlowConsumers,
    pub(crate) home: Page,
    /// `None`: switched off.
    pub(crate) admin: Option<Admin>,
    /// Whether events may be published over HTTP.
    pub(crate) publish: bool,
    pub(crate) batches: Batches,
    /// Most bytes of a body.
    pub(crate) max_body: usize,
    /// Streams that may catch up at once.
    pub(crate) max_replays: usize,
}

/// The admin endpoints.
pub(crate) struct Admin {
    pub(crate) page: Page,
    pub(crate) status: Arc<StatusBoard>,
}

/// A request on its way to its answer.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) request: Request,
    /// The connection's right to be there, or why it is one too many.
    permit: Result<Permit, Excess>,
    /// What middleware wants on the answer.
    added: HeaderMap,
}

impl Exchange {
    pub(crate) fn new(request: Request, permit: Result<Permit, Excess>) -> Exchange {
        Exchange { request, permit, added: HeaderMap::new() }
    }
}

impl App {
    /// Whether `answer` reads the body of a request with this head: on an embedder's route, or to publish it. Any other
    /// request is answered without its body, by the same way, so that middleware goes first there too.
    pub(crate) fn takes_body(&self, head: &http::Request<()>) -> bool {
        let Ok(path) = Path::decode(head.uri().path()) else { return false };
        if let Some(methods) = self.routes.find(path.as_str()) {
            return methods.handler(head.method()).is_some();
        }
        let is_publish = matches!(self.router.route(&path), Some(Route::Publish { .. }));
        let asker = Asker::new(head.uri(), head.headers());
        is_publish
            && self.publish
            && head.method() == Method::POST
            && self.guard.check_publish(asker, &self.cors).is_ok()
    }

    /// What is to be answered. `exchange` collects what middleware adds to it.
    pub(crate) fn answer(&self, exchange: &mut Exchange, handle: &Handle<Session>) -> Reply {
        if exchange.request.method() == Method::OPTIONS && exchange.request.uri().path() == "*" {
            // It asks for nothing in particular, as a ping does (RFC 9110 section 9.3.7).
            return allowed("GET, HEAD, POST, OPTIONS").into();
        }
        if let Err(error) = exchange.request.decoded_path() {
            return Problem::from_error(StatusCode::BAD_REQUEST, &error).into();
        }
        for middleware in &self.middleware {
            let verdict = middleware(&exchange.request);
            middleware::overlay(verdict.headers, &mut exchange.added);
            if let Some(response) = verdict.answer {
                return response.into();
            }
        }
        let request = &exchange.request;
        if let Err(excess) = exchange.permit
            && request.path() != "/healthz"
        {
            return self.shed(request, excess).into();
        }
        if !STANDARD_METHODS.contains(request.method()) && !self.routes.has_method(request.method()) {
            return Problem::method_not_implemented(request.method()).into();
        }
        if let Some(methods) = self.routes.find(request.path()) {
            return self.embedders(request, methods);
        }
        self.ours(request, handle).unwrap_or_else(Reply::from)
    }

    /// The answer as it goes to the connection.
    pub(crate) fn settle(
        &self,
        exchange: Exchange,
        answer: Answer,
        handle: &Handle<Session>,
    ) -> sse_net::Reply<Session> {
        match answer {
            Answer::Response(response) => self.settle_response(exchange, response),
            Answer::Subscription(filter) => self.settle_stream(exchange, filter, handle),
        }
    }

    fn settle_response(&self, exchange: Exchange, mut response: Response<Bytes>) -> sse_net::Reply<Session> {
        let Exchange { request, added, .. } = exchange;
        if !self.is_private(&request) {
            self.cors.apply(request.headers(), response.headers_mut());
        }
        middleware::overlay(added, response.headers_mut());
        let (client, method, path) = (request.client(), request.method(), &*shortened(request.path()));
        tracing::debug!(%client, %method, path, status = response.status().as_u16(), "answered");
        sse_net::Reply::Response(response)
    }

    fn settle_stream(&self, exchange: Exchange, filter: Filter, handle: &Handle<Session>) -> sse_net::Reply<Session> {
        let last_event_id = exchange.request.last_event_id();
        let permit = match self.stream_permit(&exchange, &filter, last_event_id.is_some(), handle) {
            Ok(permit) => permit,
            Err(reason) => {
                let response = self.shedder.stream(reason, last_event_id.as_deref());
                return self.settle_response(exchange, response);
            }
        };
        let Exchange { request, added, .. } = exchange;
        let mut head = Response::new(());
        *head.headers_mut() = stream_headers();
        self.cors.apply_to_stream(request.headers(), head.headers_mut());
        middleware::overlay(added, head.headers_mut());

        let agent = request.headers().get(USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
        let agent = self.agents.intern(agent);
        sse_net::Reply::Stream(StreamReply {
            head,
            session: Session::new(request.uri().path(), &filter, agent, request.client(), permit),
            last_event_id,
            slow_consumer: self.slow_consumers.policy(&filter),
            filter,
        })
    }

    /// The answer in place of a stream that the hub doesn't take, with what CORS and middleware had put on the stream's head.
    pub(crate) fn refuse_stream(&self, error: &SubscribeError, stream: StreamReply<Session>) -> Response<Bytes> {
        let StreamReply { head, last_event_id, .. } = stream;
        let mut response = match error {
            SubscribeError::TooManyChannels { .. } => self.shedder.stream(Shed::Channels, last_event_id.as_deref()),
            SubscribeError::Closed => Problem::from_error(StatusCode::SERVICE_UNAVAILABLE, error).into(),
            // An embedder's filter: those of our own routes are looked at before.
            _ => Problem::from_error(StatusCode::BAD_REQUEST, error).into(),
        };
        tracing::debug!(%error, "no stream");
        let mut headers = head.into_parts().0.headers;
        middleware::overlay(mem::take(response.headers_mut()), &mut headers);
        *response.headers_mut() = headers;
        response
    }

    /// The right of a stream to open, or why it may not.
    fn stream_permit(
        &self,
        exchange: &Exchange,
        filter: &Filter,
        resumes: bool,
        handle: &Handle<Session>,
    ) -> Result<Permit, Shed> {
        let permit = exchange.permit.as_ref().map_err(|&excess| Shed::from(excess))?;
        if handle.is_draining() {
            return Err(Shed::Draining);
        }
        if resumes && handle.replays() >= self.max_replays {
            return Err(Shed::Replays);
        }
        let client = exchange.request.client();
        // A proxy's connection is not its client's.
        let permit = match self.proxies.trusts(exchange.request.peer().ip()) {
            true => self.networks.enter(client).ok_or(Shed::Address)?,
            false => permit.clone(),
        };
        self.networks.open(client, filter, permit).ok_or(Shed::Filters)
    }

    /// Whether the answer is for our own pages only: the admin page's JSON names clients, which is no other site's
    /// business.
    fn is_private(&self, request: &Request) -> bool {
        let route = request.decoded_path().ok().and_then(|path| self.router.route(path));
        route.is_some_and(|route| route.is_admin()) && self.routes.find(request.path()).is_none()
    }

    fn embedders(&self, request: &Request, methods: &Methods) -> Reply {
        match methods.handler(request.method()) {
            Some(handler) => handler(request),
            None if request.method() == Method::OPTIONS => {
                let mut response = allowed(&methods.allow());
                if cors::is_preflight(request.headers()) {
                    self.cors.apply_preflight(response.headers_mut());
                }
                response.into()
            }
            None => Problem::method_not_allowed(request.method(), &methods.allow()).into(),
        }
    }

    fn ours(&self, request: &Request, handle: &Handle<Session>) -> Result<Reply, Problem> {
        let path = request.decoded_path().map_err(|error| Problem::from_error(StatusCode::BAD_REQUEST, &error))?;
        let route = self.router.route(path).ok_or_else(|| Problem::not_found(request.path()))?;
        if request.method() == Method::OPTIONS {
            return Ok(self.options(request, &route).into());
        }
        if !route.allows(request.method()) {
            return Err(Problem::method_not_allowed(request.method(), route.allow()));
        }
        let asker = Asker::new(request.uri(), request.headers());
        match route {
            Route::Publish { .. } => self.guard.check_publish(asker, &self.cors)?,
            Route::AdminPage | Route::AdminWithoutSlash => self.guard.check_admin(asker, true)?,
            Route::Status => self.guard.check_admin(asker, false)?,
            _ => {}
        }
        match route {
            Route::Subscribe { namespace } => {
                let (limits, filter_limits) = (self.hub.limits(), self.hub.filter_limits());
                let filter = requested_filter(namespace, request.parameters(), limits, filter_limits)?;
                Ok(Reply::subscribe(filter))
            }
            Route::Publish { namespace } => publish::answer(self.publishing()?, &self.batches, request, namespace),
            Route::AdminPage => Ok(self.admin()?.page.answer()),
            Route::Home => Ok(self.home.answer()),
            Route::AdminWithoutSlash => self.admin().map(|_| redirect("/admin/")),
            Route::Status => Ok(self.admin()?.status.answer(handle)),
            Route::Health => Ok(health::health(handle.streams())),
            Route::Alive => Ok(health::alive()),
            Route::Ready => health::ready(handle.is_draining()),
        }
    }

    fn admin(&self) -> Result<&Admin, Problem> {
        self.admin.as_ref().ok_or_else(|| {
            Problem::new(StatusCode::FORBIDDEN, "The admin page is switched off on this server (--no-admin).")
        })
    }

    fn publishing(&self) -> Result<&Hub, Problem> {
        if !self.publish {
            let detail = "Publishing over HTTP is switched off on this server (--no-publish).";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        Ok(&self.hub)
    }

    /// What may be done here; to a browser that asks whether a page may, what pages may.
    fn options(&self, request: &Request, route: &Route<'_>) -> Response<Bytes> {
        let mut response = allowed(route.allow());
        let headers = response.headers_mut();
        match cors::is_preflight(request.headers()) {
            true if route.is_guarded() => {
                let is_listed = Asker::new(request.uri(), request.headers()).is_listed(&self.cors);
                self.cors.apply_guarded_preflight(route.allow(), is_listed, headers);
            }
            true => self.cors.apply_preflight(headers),
            false => {}
        }
        response
    }

    /// The answer on a connection that is one too many. No handler runs; who subscribes is seen by the path, or, on an
    /// embedder's route, by what every `EventSource` says it accepts.
    fn shed(&self, request: &Request, excess: Excess) -> Response<Bytes> {
        let wants_stream = || {
            let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
            accept.contains("text/event-stream")
                || request
                    .decoded_path()
                    .is_ok_and(|path| matches!(self.router.route(path), Some(Route::Subscribe { .. })))
        };
        match request.method() == Method::GET && wants_stream() {
            true => self.shedder.stream(excess.into(), request.last_event_id().as_deref()),
            false => shed::excess(excess).into(),
        }
    }
}

/// `204`, and what is allowed.
fn allowed(methods: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let methods = HeaderValue::from_str(methods).expect("method names are header text");
    response.headers_mut().insert(ALLOW, methods);
    response
}

fn redirect(to: &'static str) -> Reply {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    response.headers_mut().insert(LOCATION, HeaderValue::from_static(to));
    response.into()
}
