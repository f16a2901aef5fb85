"""REST under `/api/` (docs/rest.md): view sets, serializers, filters and paging."""
