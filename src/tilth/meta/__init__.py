"""Fields that a record has besides those of the schema: columns `meta.NAME`, each of one type."""
