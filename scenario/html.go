package scenario

import (
	"bufio"
	_ "embed"
	"fmt"
	"html"
	"io"
	"strings"
	"time"

	"gossipctl/check"
)

//go:embed report.css
var reportStyle string

// page writes HTML: all text goes through put. It is made by hand because html/template would make every
// process of a network larger by half, whether it writes reports or not.
type page struct{ out *bufio.Writer }

// put writes markup, in which each ¤ stands for a text that is escaped.
func (p *page) put(markup string, texts ...any) {
	for _, t := range texts {
		before, after, _ := strings.Cut(markup, "¤")
		p.out.WriteString(before + html.EscapeString(fmt.Sprint(t)))
		markup = after
	}
	p.out.WriteString(markup)
}

// raw writes what was escaped before.
func (p *page) raw(markup string) { p.out.WriteString(markup) }

// table writes rows. The cells of a row have its classes, by column.
func (p *page) table(titles []string, rows int, row func(i int) (cells, classes []string)) {
	p.raw("<table>")
	if len(titles) > 0 {
		p.raw("<tr>")
		for _, t := range titles {
			p.put("<th>¤</th>", t)
		}
		p.raw("</tr>\n")
	}
	for i := range rows {
		p.raw("<tr>")
		cells, classes := row(i)
		for k, c := range cells {
			class := ""
			if k < len(classes) {
				class = classes[k]
			}
			p.put(`<td class="¤">¤</td>`, class, c)
		}
		p.raw("</tr>\n")
	}
	p.raw("</table>\n")
}

// maxActions is how many moments a page lists: publications are left out beyond.
const maxActions = 500

// WriteHTML writes a report as one page that needs nothing else, not even scripts. Repeat is the command
// that repeats the run.
func WriteHTML(w io.Writer, r *Result, repeat, version string) error {
	p := &page{bufio.NewWriter(w)}
	state := string(r.State())
	p.raw(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
`)
	p.put("<title>¤ seed ¤: ¤</title>\n", r.Plan.Name, r.Plan.Seed, state)
	p.raw("<style>\n" + reportStyle + "</style>\n</head>\n<body>\n")
	p.put(`<h1>¤ <span class="¤">¤</span></h1>`, r.Plan.Name, state, state)
	p.put(`<p class="soft">¤</p><p>¤ · ¤ · seed ¤ · took ¤</p>`, r.Plan.About, describeNetwork(&r.Plan.Network), r.Engine, r.Plan.Seed, timeText(r.Wall))
	p.raw("<h2>Assertions</h2>\n")
	p.table([]string{"", "wanted", "was", ""}, len(r.Assertions), func(i int) ([]string, []string) {
		a := &r.Assertions[i]
		return []string{a.Name, a.Wanted, a.Was, string(a.State)}, []string{"", "", "", string(a.State)}
	})
	p.verdict(&r.Verdict)
	p.raw(`<h2>Coverage</h2><p class="soft">Share of what was published that the nodes which live in the end had, over time. Shaded: something was broken.</p>` + coveragePlot(r))
	p.raw("<h2>Faults</h2>" + timelinePlot(r))
	p.raw(`<h2>Latency</h2><p class="soft">Time from publishing to arrival, of all arrivals; the axis is logarithmic.</p>` + latencyPlot(r))
	p.raw("<h2>Packets dropped</h2>" + dropPlot(r))
	p.numbers(r)
	p.schedule(r.Plan)
	p.put("<h2>Repeat it</h2><pre>¤</pre>", repeat)
	if r.Hash != "" {
		p.put(`<p class="soft">SHA-256 of the events: <code>¤</code></p>`, r.Hash)
	}
	p.put(`<p class="soft">¤ · gossipctl ¤</p></body></html>`+"\n", r.Started.UTC().Format(time.RFC3339), version)
	if err := p.out.Flush(); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

func (p *page) verdict(v *check.Verdict) {
	if len(v.Violations) > 0 {
		p.raw("<h2>Violations</h2>\n")
		p.table([]string{"", "message", "node", "what", "first event"}, len(v.Violations), func(i int) ([]string, []string) {
			one := &v.Violations[i]
			first := ""
			if one.First.Line > 0 {
				first = strings.TrimPrefix(fmt.Sprintf("%s:%d %s", one.First.Log, one.First.Line, one.First.Event.String()), ":")
			}
			return []string{string(one.Guarantee), one.Message, fmt.Sprint(one.Node), one.What, first}, []string{"failed", "", "", "", "soft"}
		})
		if v.More > 0 {
			p.put("<p>And ¤ more.</p>", v.More)
		}
	}
	if len(v.Unknown) > 0 {
		p.raw("<h2>What is missing</h2><ul>")
		for _, why := range v.Unknown {
			p.put("<li>¤</li>", why)
		}
		p.raw("</ul>")
	}
	p.raw("<h2>What was checked</h2>\n")
	p.table([]string{"", "", "facts", "violations"}, len(v.Checked), func(i int) ([]string, []string) {
		c := &v.Checked[i]
		_, title, _ := strings.Cut(c.Guarantee.Title(), ": ")
		return []string{string(c.Guarantee), title, fmt.Sprint(c.Facts), fmt.Sprint(c.Violations)}, nil
	})
}

func (p *page) numbers(r *Result) {
	m := r.Measures
	rows := [][]string{
		{"live nodes in the end", fmt.Sprintf("%d of %d", m.Live, r.Plan.Network.Nodes)},
		{"messages published, accepted", fmt.Sprintf("%d, %d", m.Published, m.Accepted)},
		{"coverage in the end", shareText(m.Coverage)},
		{"latency p50, p99", timeText(m.P50) + ", " + timeText(m.P99)},
		{"redundancy", fmt.Sprintf("%.3g", m.Redundancy)},
		{"events", fmt.Sprint(m.Events)},
	}
	if r.Memory > 0 {
		rows = append(rows, []string{"memory, largest node", fmt.Sprintf("%.1f MB", float64(r.Memory)/1e6)})
	}
	p.raw("<h2>In numbers</h2>\n")
	p.table(nil, len(rows), func(i int) ([]string, []string) { return rows[i], []string{"soft", ""} })
}

func (p *page) schedule(plan *Plan) {
	list, hidden := plan.Actions, 0
	if len(list) > maxActions {
		list = plan.Faults()
		list = list[:min(len(list), maxActions)]
		hidden = len(plan.Actions) - len(list)
	}
	p.raw("<h2>Schedule</h2>\n")
	p.table(nil, len(list), func(i int) ([]string, []string) {
		return []string{brief(list[i].At), list[i].String()}, []string{"soft", ""}
	})
	if hidden > 0 {
		p.put(`<p class="soft">¤ moments are not listed.</p>`, hidden)
	}
}

func describeNetwork(n *Network) string {
	text := fmt.Sprintf("%d nodes, %s", n.Nodes, n.Topology)
	if n.Parameter > 0 {
		text += fmt.Sprintf(" %d", n.Parameter)
	}
	text += ", " + n.Protocol + ", repair " + n.Repair
	if n.Durable {
		text += ", durable"
	}
	if n.Reconnect {
		text += ", reconnecting"
	}
	return text
}
