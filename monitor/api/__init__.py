"""REST under `/api/` (contracts, section 4): views, serializers, roles, filters, paging."""
