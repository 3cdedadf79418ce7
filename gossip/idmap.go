package gossip

// IDMap maps message names to numbers above 0. Names of one life follow each other, so it keeps
// them in pages of neighbours: a burst then touches a few pages, where a plain map would touch a
// different corner of memory for every message. The zero value is empty.
type IDMap struct {
	pages map[pageName]*idPage
	// Pages used lately, most likely those needed next: one for each of several senders.
	lately [8]struct {
		name pageName
		page *idPage
	}
}

// pageSize trades density against what a hostile peer can waste by leaving gaps: half a kilobyte
// for each name it makes up.
const pageSize = 64

type pageName struct {
	origin NodeID
	run    uint32
	page   uint32
}

type idPage struct {
	numbers [pageSize]uint64
	used    int
}

func (m *IDMap) page(id ID) *idPage {
	name := pageName{id.Origin, id.Run, id.Seq / pageSize}
	lately := &m.lately[uint32(id.Origin)%uint32(len(m.lately))]
	if lately.page == nil || lately.name != name {
		p := m.pages[name]
		if p == nil {
			return nil
		}
		lately.name, lately.page = name, p
	}
	return lately.page
}

// Get returns the number of a name, or 0.
func (m *IDMap) Get(id ID) uint64 {
	if p := m.page(id); p != nil {
		return p.numbers[id.Seq%pageSize]
	}
	return 0
}

// Set gives a name a number above 0.
func (m *IDMap) Set(id ID, number uint64) {
	p := m.page(id)
	if p == nil {
		if m.pages == nil {
			m.pages = make(map[pageName]*idPage)
		}
		p = new(idPage)
		m.pages[pageName{id.Origin, id.Run, id.Seq / pageSize}] = p
	}
	at := &p.numbers[id.Seq%pageSize]
	if *at == 0 {
		p.used++
	}
	*at = number
}

// Delete forgets a name, if it is there.
func (m *IDMap) Delete(id ID) {
	p := m.page(id)
	if p == nil || p.numbers[id.Seq%pageSize] == 0 {
		return
	}
	p.numbers[id.Seq%pageSize] = 0
	if p.used--; p.used == 0 {
		delete(m.pages, pageName{id.Origin, id.Run, id.Seq / pageSize})
		m.lately[uint32(id.Origin)%uint32(len(m.lately))].page = nil
	}
}
