"""Everything that speaks DynamoDB."""
