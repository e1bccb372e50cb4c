use super::*;

fn line(id: &str, data: &str) -> Event {
    Event { name: "line".to_owned(), id: Some(id.to_owned()), data: data.to_owned() }
}

#[test]
fn events_come_whole_however_they_are_cut() {
    let text = ": following\nretry: 1000\n\nevent: line\nid: 7\ndata: {\"a\":1}\n\n:\n\nevent: line\r\nid: 8\r\ndata: ü\r\n\r\n";
    let expected = [line("7", "{\"a\":1}"), line("8", "ü")];
    for size in [1, 2, 3, 7, 1_000] {
        let mut events = Events::default();
        let came: Vec<_> =
            text.as_bytes().chunks(size).flat_map(|piece| events.take(piece)).collect();
        assert_eq!(came, expected, "{size}");
        assert_eq!(events.kept(), 0);
    }
}

#[test]
fn data_of_several_lines_is_one_text() {
    let came = Events::default().take(b"data: a\ndata:b\ndata\n\n");
    assert_eq!(came, [Event { data: "a\nb\n".to_owned(), ..Event::default() }]);
}

#[test]
fn what_does_not_end_is_counted() {
    let mut events = Events::default();
    assert_eq!(events.take(b"event: line\ndata: half"), []);
    assert_eq!(events.kept(), "data: half".len());
}
