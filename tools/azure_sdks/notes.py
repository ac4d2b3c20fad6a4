"""What stands behind some rows: where they would come to the same on Azure, or what they want that is not there."""

EDGE = "wants IoT Edge's own hub"
ENTRA = "wants Microsoft Entra ID"
STORE = "wants a storage account"
SHAPE = "msrest cannot read the array that the service answers, in which the REST reference has an object"

# By method, of whichever class has it.
NOTES = {
    "from_token_credential": ENTRA,
    "fromTokenCredential": ENTRA,
    "invoke_method": EDGE,
    "invokeMethod": EDGE,
    "apply_configuration_on_edge_device": EDGE,
    "applyConfigurationContentOnDevice": EDGE,
    "receive_message_on_input": "subscribes; only IoT Edge's own hub sends to inputs",
    "create_import_export_job": STORE,
    "query_scheduled_jobs": SHAPE,
}
