//! The service, called as a framework calls it.

#![cfg(feature = "tower")]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use sse_core::http::{EventService, ResponseBody};
use sse_core::{Event, Hub, HubConfig};
use tower_service::Service;

/// A body that comes in pieces, each of which has to be waited for; or breaks off.
struct Pieces {
    pieces: VecDeque<Result<Bytes, &'static str>>,
    told: SizeHint,
    waited: bool,
}

impl Pieces {
    fn new(pieces: &[&str]) -> Pieces {
        let pieces = pieces.iter().map(|piece| Ok(Bytes::copy_from_slice(piece.as_bytes()))).collect();
        Pieces { pieces, told: SizeHint::default(), waited: false }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        self.waited = !self.waited;
        if self.waited {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.pieces.pop_front().map(|piece| piece.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        self.told
    }
}

fn hub() -> Hub {
    Hub::new(HubConfig { epoch: Some(0xe), history_bytes: 1 << 20, ..HubConfig::default() })
}

fn answer(service: &EventService, request: Request<Pieces>) -> Response<ResponseBody> {
    let mut future = pin!(service.clone().call(request));
    let mut cx = Context::from_waker(Waker::noop());
    let ready = (0..1000).find_map(|_| match future.as_mut().poll(&mut cx) {
        Poll::Ready(answer) => Some(answer.unwrap_or_else(|never: Infallible| match never {})),
        Poll::Pending => None,
    });
    ready.expect("an answer")
}

fn ask(service: &EventService, method: Method, target: &str, headers: &[(&str, &str)]) -> Response<ResponseBody> {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    answer(service, request.body(Pieces::new(&[])).unwrap())
}

fn get(service: &EventService, target: &str) -> Response<ResponseBody> {
    ask(service, Method::GET, target, &[])
}

fn post(service: &EventService, target: &str, body: Pieces) -> Response<ResponseBody> {
    answer(service, Request::post(target).body(body).unwrap())
}

/// What is ready of a body, and whether it has ended.
fn read(response: &mut Response<ResponseBody>) -> (String, bool) {
    let mut read = String::new();
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        match Pin::new(response.body_mut()).poll_frame(&mut cx) {
            Poll::Ready(Some(Ok(frame))) => read += str::from_utf8(frame.data_ref().unwrap()).unwrap(),
            Poll::Ready(None) => return (read, true),
            Poll::Pending => return (read, false),
        }
    }
}

/// A problem's sentence.
#[track_caller]
fn problem(mut response: Response<ResponseBody>, status: u16) -> String {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(response.status(), status);
    let (body, ended) = read(&mut response);
    assert!(ended && response.body().is_end_stream());
    assert!(body.contains(&format!(",\"status\":{status},\"detail\":\"")) && body.ends_with("\"}"), "{body}");
    body
}

#[test]
fn a_stream_is_what_the_server_sends() {
    let hub = hub();
    let service = EventService::new(hub.clone());
    hub.publish(&Event::new("/pets/dogs", "Corgi").named("new-dog")).unwrap();
    for (target, headers, resume, begins) in [
        ("/pets", &[][..], "live", "id:e-1\n\n"),
        ("/pets/", &[("last-event-id", "e-0")], "exact", "id:e-0\n\nevent:new-dog\ndata:Corgi\nid:e-1\n\n"),
        ("/?namespace=/pets/*&last_event_id=e-0", &[], "exact", "id:e-0\n\nevent:new-dog\ndata:Corgi\nid:e-1\n\n"),
        ("/", &[("last-event-id", "d-7")], "gap", "event:gap\n"),
    ] {
        let mut stream = ask(&service, Method::GET, target, headers);
        assert_eq!(stream.status(), StatusCode::OK);
        assert_eq!(stream.headers()["content-type"], "text/event-stream; charset=utf-8");
        assert_eq!(stream.headers()["cache-control"], "no-cache, no-store, no-transform");
        assert_eq!(stream.headers()["x-accel-buffering"], "no");
        assert_eq!(stream.headers()["sse-resume"], resume);
        assert_eq!(stream.headers().len(), 4);
        let (begun, ended) = read(&mut stream);
        assert!(begun.starts_with(begins) && !ended, "{target}: {begun}");
        hub.publish(&Event::new("/pets/dogs", "x")).unwrap();
        assert!(read(&mut stream).0.starts_with("data:x\n"));
        hub.publish(&Event::new("/petshop", "x")).unwrap();
        assert_eq!(read(&mut stream).0.is_empty(), target != "/");
    }
}

#[test]
fn what_can_not_be_meant_is_told() {
    let service = EventService::new(hub());
    for (target, words) in [
        ("/pets//dogs", "doubled slash"),
        ("/a%2Fb", "%2F"),
        ("/?namespaces=/pets", "`namespace=`"),
        ("/a?namespace=/b", "path names"),
        ("/?namespace=/%22%0A", "\\\"/\\\\\\\"\\\\n\\\""),
    ] {
        let told = problem(get(&service, target), 400);
        assert!(told.contains(words), "{target}: {told}");
    }
}

#[test]
fn each_method_is_known() {
    let (closed, open) = (EventService::new(hub()), EventService::new(hub()).with_publish());
    let mut head = ask(&closed, Method::HEAD, "/pets", &[]);
    assert_eq!((head.status(), read(&mut head)), (StatusCode::OK, (String::new(), true)));
    assert_eq!(head.headers()["content-type"], "text/event-stream; charset=utf-8");
    problem(ask(&closed, Method::POST, "/pets", &[]), 405);
    for (service, allow) in [(&closed, "GET, HEAD, OPTIONS"), (&open, "GET, HEAD, POST, OPTIONS")] {
        let options = ask(service, Method::OPTIONS, "/pets", &[]);
        assert_eq!((options.status(), &options.headers()["allow"]), (StatusCode::NO_CONTENT, &allow.parse().unwrap()));
        let put = ask(service, Method::PUT, "/pets", &[]);
        assert_eq!(put.headers()["allow"], allow);
        assert!(problem(put, 405).contains(allow));
    }
}

#[test]
fn a_body_becomes_an_event_once_it_is_whole() {
    let hub = hub();
    let service = EventService::new(hub.clone()).with_publish_up_to(8);
    let mut stream = get(&service, "/pets");
    read(&mut stream);
    let mut published = post(&service, "/pets/dogs?event=new+dog", Pieces::new(&["Cor", "", "gi"]));
    assert_eq!(published.headers()["content-type"], "application/json");
    assert_eq!(read(&mut published), (r#"{"id":"e-1"}"#.to_owned(), true));
    assert_eq!(read(&mut stream).0, "event:new dog\ndata:Corgi\nid:e-1\n\n");

    let mut broken = Pieces::new(&["Cor"]);
    broken.pieces.push_back(Err("the client is gone"));
    problem(post(&service, "/pets", broken), 400);
    problem(post(&service, "/pets", Pieces::new(&["12345678", "9"])), 413);
    let mut told = Pieces::new(&[]);
    told.told = SizeHint::with_exact(9);
    problem(post(&service, "/pets", told), 413);
    problem(post(&service, "/pets?event=gap", Pieces::new(&["x"])), 422);
    problem(post(&service, "/pets/*", Pieces::new(&["x"])), 400);
    problem(ask(&service, Method::POST, "/pets", &[("content-encoding", "gzip")]), 415);
    problem(ask(&service, Method::POST, "/pets", &[("sec-fetch-site", "cross-site")]), 403);
    assert_eq!((read(&mut stream).0.as_str(), hub.published()), ("", 1));

    let whole = Pieces::new(&["1"; 8]);
    assert_eq!(post(&service, "/pets", whole).status(), StatusCode::OK);
}

#[test]
fn one_stream_too_many_is_told_when_to_return() {
    let service = EventService::new(hub()).with_max_streams(1);
    let first = get(&service, "/a");
    let mut second = ask(&service, Method::GET, "/a", &[("last-event-id", "e-0")]);
    assert_eq!(second.status(), StatusCode::OK);
    assert_eq!(second.headers()["content-type"], "text/event-stream; charset=utf-8");
    let (told, ended) = read(&mut second);
    let retry = told.strip_prefix("retry:").and_then(|rest| rest.strip_suffix("\nid:e-0\n\n")).unwrap();
    assert!((2_000..=10_000).contains(&retry.parse::<u32>().unwrap()) && ended, "{told}");
    drop(first);
    assert!(!read(&mut get(&service, "/a")).1);

    let hub = Hub::new(HubConfig { max_channels: 1, ..HubConfig::default() });
    let service = EventService::new(hub);
    let _first = get(&service, "/a");
    assert!(read(&mut get(&service, "/b")).0.starts_with("retry:"));
}

/// It isn't the client's fault: it may come again when the hub is another.
#[test]
fn a_closed_hub_is_unavailable() {
    let hub = hub();
    let service = EventService::new(hub.clone()).with_publish();
    let mut stream = get(&service, "/a");
    read(&mut stream);
    hub.close();
    assert_eq!(read(&mut stream), (String::new(), true));
    problem(get(&service, "/a"), 503);
    problem(post(&service, "/a", Pieces::new(&["1"])), 503);
}

/// One that is not polled holds nobody up; when it goes on, it ends between two events, and its client comes back for
/// the rest.
#[test]
fn a_stalled_client_harms_itself_alone() {
    let hub = hub();
    let service = EventService::new(hub.clone()).with_max_lag(1000).with_timer(|_| pending());
    let mut stalled = get(&service, "/a");
    let mut others: Vec<_> = (0..10).map(|_| get(&service, "/a")).collect();
    read(&mut stalled);
    others.iter_mut().for_each(|other| drop(read(other)));
    let numbers: Vec<String> = (0..500).map(|number| number.to_string()).collect();
    for number in &numbers {
        hub.publish(&Event::new("/a", number)).unwrap();
        let id = hub.published();
        for other in &mut others {
            assert_eq!(read(other), (format!("data:{number}\nid:e-{id}\n\n"), false));
        }
    }
    assert_eq!(read(&mut stalled), (String::new(), true));
    let mut back = ask(&service, Method::GET, "/a", &[("last-event-id", "e-0")]);
    assert_eq!(back.headers()["sse-resume"], "exact");
    let (rest, _) = read(&mut back);
    let data: Vec<_> = rest.lines().filter_map(|line| line.strip_prefix("data:")).collect();
    assert_eq!(data, numbers);
}
