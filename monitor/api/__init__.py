"""REST under `/api/` (docs/rest.md): views, serializers, roles, filters, paging."""
