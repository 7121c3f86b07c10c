//! Line plots as SVG.

use std::fmt::Write as _;

use crate::table::count;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 60.0;

/// Told apart without colour vision, too (Okabe and Ito).
const COLOURS: &[&str] = &["#0072b2", "#d55e00", "#009e73", "#cc79a7"];

#[derive(Debug)]
pub(crate) struct Plot {
    /// The file's name, without its ending.
    pub(crate) name: &'static str,
    pub(crate) title: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) lines: Vec<Line>,
}

#[derive(Debug)]
pub(crate) struct Axis {
    pub(crate) label: &'static str,
    pub(crate) scale: Scale,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// From zero.
    Linear,
    /// In decades. What isn't positive is left out.
    Logarithmic,
}

#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

impl Line {
    pub(crate) fn new(name: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Line {
        Line { name: name.to_owned(), points: points.into_iter().collect() }
    }
}

/// An axis with its ends known.
struct Range {
    scale: Scale,
    low: f64,
    high: f64,
}

impl Range {
    fn over(axis: &Axis, values: impl Iterator<Item = f64>) -> Range {
        let values: Vec<f64> = values.filter(|&value| is_drawable(axis.scale, value)).collect();
        let most = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let (low, high) = match axis.scale {
            Scale::Linear => {
                let step = nice_step(most);
                (0.0, (most / step).ceil() * step)
            }
            Scale::Logarithmic => {
                let least = values.iter().copied().fold(most, f64::min);
                let low = least.log10().floor();
                (low, most.log10().ceil().max(low + 1.0))
            }
        };
        Range { scale: axis.scale, low, high }
    }

    /// Where a value lies, from 0 to 1.
    fn place(&self, value: f64) -> f64 {
        let value = if self.scale == Scale::Linear { value } else { value.log10() };
        (value - self.low) / (self.high - self.low)
    }

    fn ticks(&self) -> Vec<f64> {
        match self.scale {
            Scale::Linear => {
                let step = nice_step(self.high);
                (0..=(self.high / step).round() as i32).map(|index| f64::from(index) * step).collect()
            }
            Scale::Logarithmic => (self.low as i32..=self.high as i32).map(|exponent| 10f64.powi(exponent)).collect(),
        }
    }
}

fn is_drawable(scale: Scale, value: f64) -> bool {
    value.is_finite() && (scale == Scale::Linear || value > 0.0)
}

/// 1, 2 or 5 times a power of ten, four to ten of which reach `most`.
fn nice_step(most: f64) -> f64 {
    let decade = 10f64.powf(most.log10().floor());
    match most / decade {
        ratio if ratio <= 2.0 => decade / 5.0,
        ratio if ratio <= 5.0 => decade / 2.0,
        _ => decade,
    }
}

impl Plot {
    pub(crate) fn to_svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let x = Range::over(&self.x, points().map(|point| point.0));
        let y = Range::over(&self.y, points().map(|point| point.1));
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        text(&mut svg, (WIDTH / 2.0, 24.0), "middle", &self.title);
        text(&mut svg, (WIDTH / 2.0, HEIGHT - 14.0), "middle", self.x.label);
        let _ = writeln!(svg, "<g transform=\"rotate(-90 18 {})\">", HEIGHT / 2.0);
        text(&mut svg, (18.0, HEIGHT / 2.0), "middle", self.y.label);
        svg += "</g>\n";
        grid(&mut svg, &x, &y);
        for (index, drawn) in self.lines.iter().enumerate() {
            line(&mut svg, drawn, index, (&x, &y));
        }
        svg + "</svg>\n"
    }
}

fn across(range: &Range, value: f64) -> f64 {
    LEFT + range.place(value) * (WIDTH - LEFT - RIGHT)
}

fn up(range: &Range, value: f64) -> f64 {
    HEIGHT - BOTTOM - range.place(value) * (HEIGHT - TOP - BOTTOM)
}

fn grid(svg: &mut String, x: &Range, y: &Range) {
    for tick in x.ticks() {
        let at = across(x, tick);
        let bottom = HEIGHT - BOTTOM;
        let _ = writeln!(svg, "<path d=\"M{at:.1} {TOP}V{bottom}\" stroke=\"#ddd\"/>");
        text(svg, (at, bottom + 18.0), "middle", &count(tick));
    }
    for tick in y.ticks() {
        let at = up(y, tick);
        let right = WIDTH - RIGHT;
        let _ = writeln!(svg, "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#ddd\"/>");
        text(svg, (LEFT - 8.0, at + 4.0), "end", &count(tick));
    }
}

fn line(svg: &mut String, line: &Line, index: usize, (x, y): (&Range, &Range)) {
    let colour = COLOURS[index % COLOURS.len()];
    let is_drawable = |point: &&(f64, f64)| is_drawable(x.scale, point.0) && is_drawable(y.scale, point.1);
    let mut path = String::new();
    for &(across_at, up_at) in line.points.iter().filter(is_drawable) {
        let (across, up) = (across(x, across_at), up(y, up_at));
        let _ = write!(path, "{}{across:.1} {up:.1}", if path.is_empty() { 'M' } else { 'L' });
        let _ = writeln!(svg, "<circle cx=\"{across:.1}\" cy=\"{up:.1}\" r=\"3\" fill=\"{colour}\"/>");
    }
    let _ = writeln!(svg, "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>");
    // The legend, one beneath the other in the upper left.
    let at = TOP + 16.0 + 18.0 * index as f64;
    let _ = writeln!(svg, "<path d=\"M{} {at}h24\" stroke=\"{colour}\" stroke-width=\"2\"/>", LEFT + 12.0);
    text(svg, (LEFT + 42.0, at + 4.0), "start", &line.name);
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>");
}
