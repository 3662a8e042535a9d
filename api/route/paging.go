package route

// Pagination tells where in a list a page stands.
type Pagination struct {
	Page  int `json:"page" doc:"From 1" example:"1"`
	Limit int `json:"limit" example:"50"`
	Total int `json:"total" example:"1"`
	Pages int `json:"pages" example:"1"`
}

// Paging is the part of an input that asks for a page.
type Paging struct {
	Page  int `query:"page" minimum:"1" maximum:"1000000" default:"1" doc:"From 1"`
	Limit int `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Rows in a page"`
}

// Offset is how many rows come before the page.
func (p Paging) Offset() int { return (p.Page - 1) * p.Limit }

// Of says where the page stands in a list of total rows.
func (p Paging) Of(total int) Pagination {
	return Pagination{Page: p.Page, Limit: p.Limit, Total: total, Pages: (total + p.Limit - 1) / p.Limit}
}
