"""The read path: filters, orders, pages, exact totals, documents, statistics."""
